/** Steps that no word names: values, bits and questions ask for them. */
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
