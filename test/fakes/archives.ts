import { crc32, deflateRawSync } from 'node:zlib';

export interface Packed {
  path: string | Buffer;
  content?: Buffer | string;
  /** Type and rights as Unix has them; default: a plain file. */
  mode?: number;
  /** Of a tar: `0` file, `1` link, `2` symbolic link, `3` and `4` devices, `5` folder, `6` FIFO. */
  type?: string;
  linkTo?: string;
  /** What the archive says of the sum of the bytes. */
  sum?: number;
  flags?: number;
}

const file = 0o100644;

/** A .zip, byte by byte, so that it may hold what no tool would pack. */
export function zipOf(entries: readonly Packed[]): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { path, content = '', mode = file, sum, flags = 0x800 } of entries) {
    const name = Buffer.from(path);
    const bytes = Buffer.from(content);
    const packed = deflateRawSync(bytes);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(sum ?? crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, name, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 3]), common, rest, name]));
    bodies.push(local);
    offset += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(listed.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...bodies, listed, Buffer.from('PK\x05\x06'), end]);
}

/** A .tar, byte by byte. */
export function tarOf(entries: readonly Packed[]): Buffer {
  const blocks = entries.flatMap(({ path, content = '', type = '0', linkTo = '' }) => {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    Buffer.from(path).copy(header, 0, 0, 100);
    header.write('0000644\x000000000\x000000000\x00', 100);
    header.write(`${bytes.length.toString(8).padStart(11, '0')}\x0000000000000\x00`, 124);
    header.write(`        ${type}`, 148);
    header.write(linkTo, 157);
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\x00 `, 148);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A path as a tar's extended header has it, which knows no limit of length. */
export function paxPath(path: string): Packed {
  const rest = ` path=${path}\n`;
  const length = [...Array(6).keys()].find((digits) => String(Buffer.byteLength(rest) + digits).length === digits) ?? 0;
  return { path: 'PaxHeader', type: 'x', content: `${Buffer.byteLength(rest) + length}${rest}` };
}
