/** Appends the bytes of its standard input to an upload: `node upload-to-kill.ts HOME UPLOAD_ID OFFSET`. */
import { join } from 'node:path';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { createUploads } from '../../src/store/uploads.ts';

const [home = '', uploadId = '', offset = '0'] = process.argv.slice(2);
const uploads = createUploads({
  directory: join(home, 'uploads'),
  store: createArtifactStore(join(home, 'artifacts')),
});
const state = await uploads.append('ann', uploadId, Number(offset), process.stdin);
process.stdout.write(String(state.offset));
