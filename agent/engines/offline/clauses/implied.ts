/** Steps that no word names: values, bits and questions ask for them. */
import type { Piece } from '../values.ts';
import { newClause } from './clause.ts';
import type { Parse } from './parse.ts';
import { begin } from './steps.ts';

/** "what does gpt2 get on squad", "mmlu scores for phi-2": an evaluation that no word names. */
export function evaluateByWords(parse: Parse): void {
  const { clauses, cues, loose, pieces, planned } = parse;
  const isNamed = loose.models.length > 0 && loose.datasets.length > 0;
  const runs = pieces.some((piece) => piece.k === 'word' && /^(run|put|try)$/i.test(piece.text));
  const isAsked = runs || cues.has('check') || cues.has('quality') || cues.has('how');
  if (clauses.length + planned.size === 0 && isNamed && isAsked) begin(parse, 'evaluate', 'implied');
}

/** "phi-2 in 8 bits", "phi-2 in 4 and 8 bits, and compare the two": a quantization that no word asks for. */
export function quantizeByBits({ clauses, deferred, facts, loose, planned }: Parse): void {
  const bits = loose.settings.get('bits');
  const makesModels = [...clauses, ...deferred].some(({ task }) => facts.makesModel(task));
  const { models } = clauses.find((clause) => clause.models.length > 0) ?? loose;
  if (bits === undefined || makesModels || planned.size > 0 || models.length === 0 || !facts.has('ptq')) return;
  loose.settings.delete('bits');
  clauses.unshift({ ...newClause('ptq', 'implied'), models: models.splice(0), settings: new Map([['bits', bits]]) });
}

/** "how much accuracy does phi-2 lose at 4 bits?": measured before and after the quantization. */
export function evaluateLoss({ clauses, cues, facts, loose, pieces, planned }: Parse): void {
  const quantizer = clauses.find(({ task }) => facts.quantizes(task));
  const measured = clauses.find(({ task }) => task === 'evaluate');
  const isAsked = cues.has('loss') && (isQuestion(pieces) || cues.has('check'));
  if (
    !isAsked ||
    (measured !== undefined && quantizer?.form !== 'implied') ||
    quantizer === undefined ||
    planned.size > 0 ||
    !facts.has('evaluate')
  )
    return;
  const evaluation = measured ?? newClause('evaluate', 'implied');
  if (measured === undefined) clauses.push(evaluation);
  evaluation.from = ['before', 'after'].map((side) => `${side}:${quantizer.task}`);
  const calibrates = quantizer.settings.has('method') || quantizer.cues.has('calibration');
  evaluation.datasets.push(...loose.datasets.splice(0), ...(calibrates ? [] : quantizer.datasets.splice(0)));
}

function isQuestion(pieces: readonly Piece[]): boolean {
  const [first] = pieces;
  const opens = first !== undefined && 'text' in first && /^(how|what|does|do)\b/i.test(first.text ?? '');
  return opens || pieces.some((piece) => piece.k === 'mark' && piece.text === '?');
}
