/** What a message tells beside its wish: what was done earlier, and talk of shells, mounts and images. */
import type { Piece } from './values.ts';

/** Pieces without asides: neither what somebody did last week nor what a container should mount is wished for. */
export function withoutAsides(pieces: readonly Piece[]): Piece[] {
  return withoutTales(withoutSystemTalk(pieces));
}

const endOfSentence = /^[.;!?]$/;
/** Folders of the machine that hold no data. */
const systemPath = /^(\/(etc|proc|sys|dev|boot)(\/|$)|~?\/?.*\/?\.ssh\b|.*docker\.sock$)/;

/** "mount /etc into the container", "with the image evil/miner": what stands there names no dataset and no model. */
function withoutSystemTalk(pieces: readonly Piece[]): Piece[] {
  const silenced = new Set<number>();
  pieces.forEach((piece, at) => {
    if (piece.k === 'path' && systemPath.test(piece.text)) silenced.add(at);
    if (!isWord(piece, 'system')) return;
    for (let to = at + 1; to < pieces.length && !endsTalk(pieces, to); to++) silenced.add(to);
    for (let to = at - 1; to >= 0 && !endsTalk(pieces, to) && !isWord(pieces[to], 'to'); to--) silenced.add(to);
  });
  return pieces.filter((piece, at) => !(silenced.has(at) && /^(path|hub|unknown|requirement|amount)$/.test(piece.k)));
}

function endsTalk(pieces: readonly Piece[], at: number): boolean {
  const piece = pieces[at];
  const joins = isWord(piece, 'and') || (piece?.k === 'mark' && piece.text === ',');
  if (joins) return pieces[at + 1]?.k !== 'path';
  if (piece?.k === 'mark') return endOfSentence.test(piece.text);
  return /^(task|name|value)$/.test(piece?.k ?? '') || isWord(piece, 'then', 'on', 'with', 'for', 'use', 'load');
}

/** "Last week I finetuned gpt2 and it was rubbish, so …": a tale of the past, where the message has a wish as well. */
function withoutTales(pieces: readonly Piece[]): Piece[] {
  const told = new Set<number>();
  pieces.forEach((_, at) => {
    if (beginsTale(pieces, at)) for (let to = at; to < pieces.length && !endsTale(pieces, to, at); to++) told.add(to);
  });
  const wishes = pieces.filter((_, at) => !told.has(at));
  const refers = wishes.some((piece) => isWord(piece, 'it', 'them', 'both', 'same', 'same_model', 'again'));
  if (told.size === 0 || !wishes.some(({ k }) => k === 'task')) return [...pieces];
  return pieces.flatMap((piece, at): Piece[] => {
    if (!told.has(at)) return [piece];
    // What only the tale names may be what the wish speaks of: "we used dolly before, finetune gpt2 on it".
    const isSubject =
      refers && nameKind(piece) !== undefined && !wishes.some((one) => nameKind(one) === nameKind(piece));
    return isSubject ? [piece] : told.has(at + 1) ? [] : [{ k: 'mark', text: '.' }];
  });
}

/** What a piece names, where it names something; paths are data as a rule. */
function nameKind(piece: Piece): string | undefined {
  if (piece.k === 'path' || piece.k === 'hub') return 'dataset';
  return piece.k === 'name' ? piece.kind : undefined;
}

const narrators = /^(i|we|i've|we've|he|she|they|colleague|colleagues|someone|everyone|team)$/;
const meanwhile = /^(already|have|has|had|just|recently|previously|once|only|also|last|earlier|actually|even|quickly)$/;
const subordinates = /^(that|which|what|how|if|as|whether|where|while|who|whose|than)$/;

/** "I finetuned", "we already tried"; but not "after you finetuned it" or "the model that we trained". */
function beginsTale(pieces: readonly Piece[], at: number): boolean {
  if (!narrators.test(textOf(pieces[at]))) return false;
  const before = pieces[at - 1];
  if (isWord(before, 'after', 'before', 'around', 'version') || /^(name|noun|task)$/.test(before?.k ?? ''))
    return false;
  if (subordinates.test(textOf(before))) return false;
  let verb = at + 1;
  while (verb < at + 4 && meanwhile.test(textOf(pieces[verb]))) verb++;
  const said = pieces[verb];
  return isWord(said, 'past') || (said?.k === 'task' && said.form === 'done');
}

/** The tale ends with its sentence, or where the wish begins: "so now", "and please finetune". */
function endsTale(pieces: readonly Piece[], at: number, from: number): boolean {
  const piece = pieces[at];
  if (piece?.k === 'mark') return endOfSentence.test(piece.text) || asks(pieces, at + 1);
  if (at > from && /^(so|now|today|please|pls|therefore|hence)$/.test(textOf(piece))) return true;
  return at > from + 1 && (isWord(piece, 'and', 'then') || textOf(piece) === 'but') && asks(pieces, at + 1);
}

/** Whether what stands here asks for a step: "finetune …", "can you please quantize …". */
function asks(pieces: readonly Piece[], at: number): boolean {
  let verb = at;
  while (verb < at + 4 && isWord(pieces[verb], 'filler')) verb++;
  const piece = pieces[verb];
  return isWord(piece, 'load', 'use') || (piece?.k === 'task' && piece.form === 'verb');
}

function isWord(piece: Piece | undefined, ...words: string[]): boolean {
  return piece?.k === 'word' && words.includes(piece.w);
}

function textOf(piece: Piece | undefined): string {
  return piece !== undefined && 'text' in piece ? (piece.text ?? '').toLowerCase() : '';
}
