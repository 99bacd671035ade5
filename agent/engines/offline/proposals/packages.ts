/** Packages that are named for the plan's environment, with no word that says so. */
import type { Setting } from '../../../commands.ts';
import type { Context } from '../../engine.ts';
import { hasAny, isBare, type Reading } from '../clauses/clause.ts';
import type { Piece } from '../values.ts';

/** Packages that people name beside a plan that does more than make an environment. */
const usual = new Set(
  `torch transformers peft trl bitsandbytes accelerate datasets einops sentencepiece flash-attn xformers scipy numpy
  pandas scikit-learn deepspeed wandb tensorboard optimum auto-gptq autoawq hqq vllm tokenizers safetensors protobuf
  sacrebleu rouge-score nltk tqdm unsloth tiktoken triton jax tensorflow keras evaluate`.split(/\s+/),
);

/** A package without its version. */
export function packageName(requirement: string): string {
  return requirement
    .toLowerCase()
    .replace(/[^a-z0-9_.-].*$/, '')
    .replaceAll('_', '-');
}

export function packagesIn(pieces: readonly Piece[], reading: Reading, { plan }: Context): { settings: Setting[] } {
  const env = plan.find(({ task }) => task === 'create_env');
  const bare = reading.clauses.length === 0 && isBare(reading.loose);
  if (env === undefined || !bare || !hasAny(reading.cues, 'also', 'with', 'use')) return { settings: [] };
  const anyWord = plan.length === 1 || reading.cues.has('env');
  const named = pieces.flatMap((piece) => ('text' in piece ? [{ k: piece.k, text: piece.text ?? '' }] : []));
  const values = named
    .filter(
      ({ k, text }) => usual.has(text.toLowerCase()) || (anyWord && k === 'unknown' && /^[a-z][\w.-]*$/i.test(text)),
    )
    .map(({ text }) => text);
  return { settings: values.length === 0 ? [] : [{ input: 'requirements', values }] };
}
