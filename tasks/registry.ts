import type { KnownDataset, KnownModel, Registry } from '../src/core/registry.ts';
import tinyLlamaConfig from './runtime/trainyard_runtime/builtin/tiny-llama/config.json' with { type: 'json' };
import tinyLlamaAdvice from './runtime/trainyard_runtime/builtin/tiny-llama/trainyard.json' with { type: 'json' };

const billion = 1e9;

/** Published in float32, where others have 16 bits a parameter. */
const inFloat32 = new Set(['gpt2', 'gpt2-medium', 'gpt2-large', 'gpt2-xl', 'distilgpt2', 'EleutherAI/gpt-neo-125m']);

function model(name: string, billions: number, vocabulary: number, ...aliases: string[]): KnownModel {
  const dtype = inFloat32.has(name) ? 'float32' : 'bfloat16';
  return { name, aliases, parameters: Math.round(billions * billion), vocabulary, dtype };
}

const tinyLlama: KnownModel = {
  name: 'builtin:tiny-llama',
  aliases: ['tiny-llama', 'tiny llama', 'tinyllama'],
  parameters: 1_404_320,
  vocabulary: tinyLlamaConfig.vocab_size,
  shape: { hidden: tinyLlamaConfig.hidden_size, layers: tinyLlamaConfig.num_hidden_layers },
  dtype: 'float32',
  charactersAToken: 3.3,
  advice: tinyLlamaAdvice,
};

const models: readonly KnownModel[] = [
  tinyLlama,
  model('meta-llama/Llama-2-7b', 6.74, 32_000, 'llama-2-7b', 'llama2-7b', 'llama 2 7b', 'llama-2-7b-hf'),
  model('meta-llama/Llama-2-13b', 13.0, 32_000, 'llama-2-13b', 'llama2-13b'),
  model('meta-llama/Llama-2-70b', 69.0, 32_000, 'llama-2-70b', 'llama2-70b'),
  model('meta-llama/Meta-Llama-3-8B', 8.03, 128_256, 'llama-3-8b', 'llama3-8b'),
  model('meta-llama/Meta-Llama-3-70B', 70.6, 128_256, 'llama-3-70b', 'llama3-70b'),
  model('meta-llama/Llama-3.1-8B', 8.03, 128_256, 'llama-3.1-8b', 'llama3.1-8b'),
  model('meta-llama/Llama-3.1-8B-Instruct', 8.03, 128_256, 'llama-3.1-8b-instruct'),
  model('meta-llama/Llama-3.1-70B', 70.6, 128_256, 'llama-3.1-70b'),
  model('meta-llama/Llama-3.1-405B', 406, 128_256, 'llama-3.1-405b'),
  model('meta-llama/Llama-3.2-1B', 1.24, 128_256, 'llama-3.2-1b', 'llama3.2-1b'),
  model('meta-llama/Llama-3.2-3B', 3.21, 128_256, 'llama-3.2-3b', 'llama3.2-3b'),
  model('meta-llama/Llama-3.3-70B-Instruct', 70.6, 128_256, 'llama-3.3-70b'),
  model('mistralai/Mistral-7B-v0.1', 7.24, 32_000, 'mistral-7b', 'mistral'),
  model('mistralai/Mistral-7B-Instruct-v0.2', 7.24, 32_000, 'mistral-7b-instruct'),
  model('mistralai/Mixtral-8x7B-v0.1', 46.7, 32_000, 'mixtral-8x7b', 'mixtral'),
  model('google/gemma-2b', 2.51, 256_000, 'gemma-2b'),
  model('google/gemma-7b', 8.54, 256_000, 'gemma-7b'),
  model('google/gemma-2-2b', 2.61, 256_000, 'gemma-2-2b', 'gemma2-2b'),
  model('google/gemma-2-9b', 9.24, 256_000, 'gemma-2-9b', 'gemma2-9b'),
  model('Qwen/Qwen2.5-0.5B', 0.494, 151_936, 'qwen2.5-0.5b'),
  model('Qwen/Qwen2.5-1.5B', 1.54, 151_936, 'qwen2.5-1.5b'),
  model('Qwen/Qwen2.5-7B', 7.62, 151_936, 'qwen2.5-7b'),
  model('Qwen/Qwen3-0.6B', 0.6, 151_936, 'qwen3-0.6b'),
  model('Qwen/Qwen3-8B', 8.2, 151_936, 'qwen3-8b'),
  model('microsoft/phi-1_5', 1.42, 51_200, 'phi-1.5', 'phi-1_5'),
  model('microsoft/phi-2', 2.78, 51_200, 'phi-2', 'phi2'),
  model('microsoft/Phi-3-mini-4k-instruct', 3.82, 32_064, 'phi-3-mini', 'phi-3', 'phi3'),
  model('microsoft/phi-4', 14.7, 100_352, 'phi-4', 'phi4'),
  model('gpt2', 0.124, 50_257, 'gpt-2', 'gpt2-small', 'openai-community/gpt2'),
  model('gpt2-medium', 0.355, 50_257, 'gpt-2-medium'),
  model('gpt2-large', 0.774, 50_257, 'gpt-2-large'),
  model('gpt2-xl', 1.56, 50_257, 'gpt-2-xl'),
  model('distilgpt2', 0.082, 50_257, 'distil-gpt2'),
  model('facebook/opt-125m', 0.125, 50_272, 'opt-125m'),
  model('facebook/opt-1.3b', 1.32, 50_272, 'opt-1.3b'),
  model('EleutherAI/pythia-70m', 0.07, 50_304, 'pythia-70m'),
  model('EleutherAI/pythia-160m', 0.162, 50_304, 'pythia-160m'),
  model('EleutherAI/pythia-1.4b', 1.41, 50_304, 'pythia-1.4b'),
  model('EleutherAI/gpt-neo-125m', 0.125, 50_257, 'gpt-neo-125m'),
  model('EleutherAI/gpt-j-6b', 6.05, 50_400, 'gpt-j', 'gpt-j-6b'),
  model('tiiuae/falcon-7b', 7.22, 65_024, 'falcon-7b', 'falcon'),
  model('bigscience/bloom-560m', 0.559, 250_880, 'bloom-560m'),
  model('TinyLlama/TinyLlama-1.1B-Chat-v1.0', 1.1, 32_000, 'tinyllama-1.1b', 'tinyllama-1.1b-chat'),
  model('HuggingFaceTB/SmolLM2-135M', 0.135, 49_152, 'smollm2-135m', 'smollm-135m'),
  model('HuggingFaceTB/SmolLM2-360M', 0.362, 49_152, 'smollm2-360m'),
  model('HuggingFaceTB/SmolLM2-1.7B', 1.71, 49_152, 'smollm2-1.7b'),
  model('deepseek-ai/deepseek-coder-1.3b-base', 1.35, 32_256, 'deepseek-coder-1.3b'),
  model('codellama/CodeLlama-7b-hf', 6.74, 32_016, 'codellama-7b', 'code llama 7b'),
  model('stabilityai/stablelm-2-1_6b', 1.64, 100_352, 'stablelm-2-1.6b'),
];

/** Rows by split, and characters of a row as a model reads it, where they are sure. */
const sizes: Record<string, Pick<KnownDataset, 'rows' | 'characters' | 'longest'>> = {
  'builtin:squad-mini': { rows: { train: 2400, validation: 240 }, characters: 349, longest: 597 },
  'huggingface:squad': { rows: { train: 87_599, validation: 10_570 }, characters: 870 },
  'huggingface:squad_v2': { rows: { train: 130_319, validation: 11_873 }, characters: 850 },
  'huggingface:tatsu-lab/alpaca': { rows: { train: 52_002 }, characters: 390 },
  'huggingface:yahma/alpaca-cleaned': { rows: { train: 51_760 } },
  'huggingface:databricks/databricks-dolly-15k': { rows: { train: 15_011 }, characters: 790 },
  'huggingface:openai/gsm8k:main': { rows: { train: 7473, test: 1319 }, characters: 520 },
  'huggingface:imdb': { rows: { train: 25_000, test: 25_000, unsupervised: 50_000 }, characters: 1330 },
  'huggingface:ag_news': { rows: { train: 120_000, test: 7600 }, characters: 240 },
  'huggingface:wikitext:wikitext-2-raw-v1': { rows: { train: 36_718, validation: 3760, test: 4358 }, characters: 300 },
  'huggingface:wikitext:wikitext-103-raw-v1': {
    rows: { train: 1_801_350, validation: 3760, test: 4358 },
    characters: 300,
  },
  'huggingface:roneneldan/TinyStories': { rows: { train: 2_119_719, validation: 21_990 } },
  'huggingface:cnn_dailymail:3.0.0': { rows: { train: 287_113, validation: 13_368, test: 11_490 } },
  'huggingface:xsum': { rows: { train: 204_045, validation: 11_332, test: 11_334 } },
  'huggingface:samsum': { rows: { train: 14_732, validation: 818, test: 819 } },
  'huggingface:glue:sst2': { rows: { train: 67_349, validation: 872, test: 1821 } },
  'huggingface:glue:mrpc': { rows: { train: 3668, validation: 408, test: 1725 } },
  'huggingface:Rowan/hellaswag': { rows: { train: 39_905, validation: 10_042, test: 10_003 } },
  'huggingface:openai_humaneval': { rows: { test: 164 } },
  'huggingface:truthful_qa:generation': { rows: { validation: 817 } },
  'huggingface:yelp_polarity': { rows: { train: 560_000, test: 38_000 } },
};

function dataset(path: string, format: string, ...aliases: string[]): KnownDataset {
  return { path, format, aliases, ...sizes[path] };
}

const datasets: readonly KnownDataset[] = [
  dataset('builtin:squad-mini', 'squad', 'squad-mini', 'mini squad', 'squadmini'),
  dataset('huggingface:squad', 'squad', 'squad', 'squad v1', 'squad 1.1', 'rajpurkar/squad'),
  dataset('huggingface:squad_v2', 'squad', 'squad v2', 'squad2', 'squad 2.0', 'rajpurkar/squad_v2'),
  dataset('huggingface:tatsu-lab/alpaca', 'instruction', 'alpaca'),
  dataset('huggingface:yahma/alpaca-cleaned', 'instruction', 'alpaca-cleaned'),
  dataset('huggingface:databricks/databricks-dolly-15k', 'instruction', 'dolly', 'dolly-15k', 'databricks-dolly-15k'),
  dataset('huggingface:openai/gsm8k:main', 'prompt_completion', 'gsm8k', 'gsm-8k', 'openai/gsm8k'),
  dataset('huggingface:imdb', 'text', 'imdb', 'stanfordnlp/imdb'),
  dataset('huggingface:ag_news', 'text', 'ag news', 'agnews'),
  dataset('huggingface:wikitext:wikitext-2-raw-v1', 'text', 'wikitext', 'wikitext-2', 'wikitext2'),
  dataset('huggingface:wikitext:wikitext-103-raw-v1', 'text', 'wikitext-103', 'wikitext103'),
  dataset('huggingface:OpenAssistant/oasst1', 'text', 'oasst', 'oasst1', 'openassistant'),
  dataset('huggingface:HuggingFaceH4/ultrachat_200k', 'messages', 'ultrachat', 'ultrachat-200k'),
  dataset('huggingface:Open-Orca/OpenOrca', 'instruction', 'openorca', 'open-orca'),
  dataset('huggingface:roneneldan/TinyStories', 'text', 'tinystories', 'tiny stories'),
  dataset('huggingface:cnn_dailymail:3.0.0', 'text', 'cnn dailymail', 'cnn/dailymail'),
  dataset('huggingface:xsum', 'text', 'xsum'),
  dataset('huggingface:samsum', 'text', 'samsum'),
  dataset('huggingface:glue:sst2', 'text', 'sst2', 'sst-2'),
  dataset('huggingface:glue:mrpc', 'text', 'mrpc'),
  dataset('huggingface:cais/mmlu:all', 'text', 'mmlu'),
  dataset('huggingface:Rowan/hellaswag', 'text', 'hellaswag'),
  dataset('huggingface:trivia_qa:rc', 'squad', 'triviaqa', 'trivia qa'),
  dataset('huggingface:openai_humaneval', 'text', 'humaneval'),
  dataset('huggingface:mbpp', 'text', 'mbpp'),
  dataset('huggingface:truthful_qa:generation', 'text', 'truthfulqa'),
  dataset('huggingface:ptb_text_only', 'text', 'ptb', 'penn treebank'),
  dataset('huggingface:yelp_polarity', 'text', 'yelp', 'yelp polarity'),
];

/** Models and datasets that can be called by a short name, as named on the hub in November 2026. */
export const registry: Registry = { models, datasets };

const modelsByName = new Map(models.map((known) => [known.name.toLowerCase(), known]));
const datasetsByPath = new Map(datasets.map((known) => [known.path, known]));

/** What is known of a model by its full name. */
export function knownModel(name: string): KnownModel | undefined {
  return modelsByName.get(name.toLowerCase().replace(/^huggingface:/, ''));
}

/** What is known of a dataset by its path. */
export function knownDataset(path: string): KnownDataset | undefined {
  return datasetsByPath.get(path);
}

/** Parameters of a model from a size in its name ("…-13b", "…-350M"); undefined where there is none. */
export function parametersInName(name: string): number | undefined {
  const size = /(?:^|[^a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bm])(?![a-z0-9])/i.exec(name);
  if (size === null) return undefined;
  const [, experts = '1', number, unit] = size;
  return Number(experts) * Number(number) * (unit?.toLowerCase() === 'b' ? billion : billion / 1000);
}
