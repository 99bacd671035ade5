import type { Catalogue } from '../../src/core/task.ts';
import { compact as compactName, isTypoOf } from '../words.ts';

/** As names are compared, and without apostrophes: "that's" is "thats". */
function compact(text: string): string {
  return compactName(text).replaceAll("'", '');
}

/** How a task is mentioned: "finetune", "finetuning", "quantization", "finetuned". */
export type TaskForm = 'verb' | 'ing' | 'noun' | 'done';

export type Sense =
  | { k: 'task'; task: string; form: TaskForm }
  | { k: 'field'; field: string; unit: boolean }
  | { k: 'setting'; field: string; value: string | number }
  | { k: 'number'; value: number }
  | { k: 'word'; w: string }
  | { k: 'noun'; n: string };

/** Ways to say a task beside its name in the catalogue. */
const taskWords: Record<string, Partial<Record<TaskForm, string>>> = {
  finetune: {
    verb: 'finetune, fine tune, tune, sft, instruction tune, lora tune, adapt, specialise, specialize, lora finetune, teach',
    ing: 'finetuning, fine tuning, tuning, adapting, instruction tuning, lora tuning, sfting',
    noun: 'finetune run, fine-tune run, finetunes, finetuning run, lora training',
    done: 'finetuned, fine tuned, tuned, adapted, finetunned',
  },
  train: {
    verb: 'train, pretrain, pre train',
    ing: 'training, pretraining, pre training',
    noun: 'training run, trainings',
    done: 'trained',
  },
  ptq: {
    verb: 'quantize, quantise, compress, ptq, quant, squeeze, shrink, post training quantize, qunatize, quantizes',
    ing: 'quantizing, quantising, compressing, shrinking, quanting',
    noun: 'quantization, quantisation, post training quantization, post training quantisation, quantization step, compression',
    done: 'quantized, quantised, compressed, shrunk',
  },
  qat: {
    verb: 'qat, quantization aware train, quantization aware finetune',
    ing: 'quantization aware training, quantisation aware training, quantization aware finetuning, quantization aware fine tuning, quant aware training, quantize aware training, quantized aware training, qat training, quantisation aware finetuning, quantization aware, quantisation aware',
    noun: 'qat run',
    done: 'qat trained, quantization aware trained',
  },
  evaluate: {
    verb: 'evaluate, eval, benchmark, score, assess, evaluates, compare, validate, judge, evaluate performance, gauge',
    ing: 'evaluating, benchmarking, scoring, assessing, testing, evaling, comparing, measuring, validating',
    noun: 'evaluation, evals, evaluations, comparison, assessment, evaluation step, eval run, benchmarks',
    done: 'evaluated, benchmarked, tested, scored, assessed, compared, measured',
  },
};

/** Words for inputs beside their names; a unit stands behind its number ("3 epochs"). */
const fieldWords: Record<string, { unit?: string; name?: string }> = {
  num_epochs: { unit: 'epoch, epochs, passes, epoches, full passes, ep', name: 'number of epochs, epoch count' },
  max_steps: {
    unit: 'step, steps, iterations, iters, iteration, updates, training steps, optimizer steps, gradient steps',
    name: 'max steps, number of steps, step count',
  },
  learning_rate: { name: 'lr, learning rate, learning rates, learn rate, lrs, step size, peak lr' },
  batch_size: { name: 'batch size, bs, bsz, batch, batches, batchsize, batch sizes, minibatch size, mini batch size' },
  max_seq_length: {
    unit: 'tokens',
    name: 'max seq length, sequence length, seq length, seq len, seqlen, max length, max sequence length, context length, context, ctx, context window, max len, max seq len, max tokens, context size, sequences, cutoff length',
  },
  lora_rank: { name: 'rank, r, lora rank, lora r, ranks, lora ranks' },
  lora_alpha: { name: 'alpha, lora alpha, scaling alpha' },
  lora_dropout: { name: 'dropout, lora dropout, drop out' },
  seed: { name: 'seed, random seed, rng seed, seeds' },
  bits: { unit: 'bit, bits, bpw', name: 'bit width, precision, bitwidth, bit widths, number of bits' },
  max_samples: {
    unit: 'samples, examples, rows, records, instances, entries, data points, datapoints, sample, questions, row, example, items, training examples, training samples, lines, documents, docs, eval samples',
    name: 'max samples, sample limit, number of samples, sample count',
  },
  split: { name: 'split' },
  hidden_size: {
    name: 'hidden size, hidden dim, hidden dimension, width, d_model, model dim, embedding size, hidden, hidden width',
  },
  num_layers: {
    unit: 'layer, layers, blocks, transformer blocks, transformer layers',
    name: 'depth, number of layers',
  },
  num_heads: { unit: 'head, heads, attention heads', name: 'number of heads' },
  vocab_size: { name: 'vocab size, vocabulary, vocab, vocabulary size, vocabulary of' },
  python_version: { name: 'python, py, python version' },
  method: { name: 'method, quantization method, scheme, algorithm' },
  metrics: { name: 'metric, metrics' },
  architecture: { name: 'architecture' },
};

/** Values that say their input themselves. */
const settingWords: Record<string, Record<string, string | number>> = {
  bits: {
    int8: 8,
    int4: 4,
    int2: 2,
    int3: 3,
    int5: 5,
    int6: 6,
    i8: 8,
    i4: 4,
    w8: 8,
    w4: 4,
    q8: 8,
    q4: 4,
    uint8: 8,
    uint4: 4,
    int16: 16,
    int1: 1,
    fp16: 16,
    bf16: 16,
    nf4: 4,
    w4a16: 4,
    w8a8: 8,
    w8a16: 8,
    eightbit: 8,
    fourbit: 4,
    int32: 32,
  },
  method: {
    gptq: 'gptq',
    awq: 'awq',
    rtn: 'rtn',
    smoothquant: 'smoothquant',
    hqq: 'hqq',
    'weight only': 'weight_only',
    'weights only': 'weight_only',
    bitsandbytes: 'bitsandbytes',
    bnb: 'bitsandbytes',
    'round to nearest': 'rtn',
    'dynamic quantization': 'dynamic',
  },
  metrics: {
    f1: 'f1',
    'f1 score': 'f1',
    'f 1': 'f1',
    'exact match': 'exact_match',
    em: 'exact_match',
    'em score': 'exact_match',
    perplexity: 'perplexity',
    ppl: 'perplexity',
    perplexities: 'perplexity',
  },
};

const numberWords: Record<string, number> = {
  one: 1,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  nine: 9,
  ten: 10,
  eleven: 11,
  twelve: 12,
  thirteen: 13,
  fourteen: 14,
  fifteen: 15,
  sixteen: 16,
  seventeen: 17,
  eighteen: 18,
  nineteen: 19,
  twenty: 20,
  thirty: 30,
  'thirty two': 32,
  forty: 40,
  fifty: 50,
  sixty: 60,
  'sixty four': 64,
  hundred: 100,
  'one hundred': 100,
  'a hundred': 100,
  'two hundred': 200,
  'three hundred': 300,
  'five hundred': 500,
  'a thousand': 1000,
  'one thousand': 1000,
  'two thousand': 2000,
  'three thousand': 3000,
  'five thousand': 5000,
  'ten thousand': 10000,
  single: 1,
  dozen: 12,
  'a dozen': 12,
  'twenty five': 25,
  'half a': 0.5,
  'half an': 0.5,
};

/** Small words that steer: `w` is what the grammar sees. */
const steering: Record<string, string> = {
  // biome-ignore lint/suspicious/noThenProperty: a word of the language, never awaited
  then: 'then, and then, afterwards, next, after that, followed by, subsequently, thereafter, finally, lastly, at the end, in the end, after which, once done, when done, once that is done, once thats done, when thats done, when its done, once its done, after it is done, and finally, plus, followed with, ending with, later, last, when finished, once finished, once trained, when thats finished, once thats finished, followed up by, and after that, and afterwards, before you finish, and last',
  and: 'and, n, as well as, along with, together with, alongside, vs, versus, vs., against',
  or: 'or, nor',
  after: 'after, once, following, after having, as soon as, right after, when',
  before: 'before, prior to, ahead of, until, preceding, right before',
  around: 'before and after, pre and post, both before and after, after and before, before as well as after',
  also: 'also, too, additionally, in addition, besides, as well, another, add, on top of that, further, extra, append, include, one more, and also',
  again: 'again, once more, one more time, anew, re evaluate, reevaluate',
  instead: 'instead, rather',
  not: "not, don't, dont, do not, without, no, skip, never, except, leave out, omit, drop, remove, minus, exclude, w/o, won't, no need to, no need for, doesn't need, forget about, leave off, excluding, ditch, get rid of, don't want, do not want, don't need, do not need, cut, isn't needed, stop before, skipping, delete, hold off on, take out, forget the, lose the, scrap, drop the, don't bother, don't bother with, rather not, take away",
  not_needed:
    "isn't needed, is not needed, isn't necessary, is not necessary, isn't required, not needed, not necessary, unnecessary, can be skipped, should be skipped, can go, is unnecessary",
  instead_of: 'instead of, rather than, in place of, and not, but not, not on, not the, replacing',
  correct:
    "i mean, i meant, sorry, no wait, wait, actually, scratch that, correction, make that, oops, my mistake, hang on, let's make it, make it, i'd rather, on second thought, hmm, er, no sorry",
  both: 'both, both of them, the two, both models, both versions, the pair, these two, those two, two models',
  three:
    'all three, all three models, all three of them, all four, all four models, all five, the three models, all 3, all 3 models',
  each: 'each, every, each of them, all of them, each one, every one, all the models, all models, every model, each model, each stage, every stage, each step, every step, all versions, each version, each of these, all of these, all stages, all of the models',
  separately: 'separately, individually, respectively, on its own, independently, one by one, in turn',
  it: 'it, this, that, its, the result, the model, this model, that model, the resulting model, the output, the outcome, the new model, that one, the resulting one',
  them: 'them, these, those, they, their',
  base: 'base, base model, the base, the original, original model, the original model, the base model, baseline, the baseline, base version, untuned model, the untuned model, pretrained model, the pretrained model, unfinetuned, the untouched model, vanilla, stock model, the base one, untuned, the original one, original version, the vanilla model, the raw model, untrained, before tuning, the starting model',
  unquantized:
    'unquantized, full precision, unquantised, non quantized, unquantized model, full precision model, uncompressed, fp16 version, full precision version, float model, unquantized version, not quantized, fp16 model, bf16 model',
  on: 'on, over, onto, upon, against the',
  with: 'with, containing, including, includes, contains, that has, using, via, by, w/, through',
  from: 'from, out of, starting from, start from, beginning from, initialised from, initialized from',
  to: 'to, into, down to, in, at, as, toward',
  for: 'for, during',
  of: 'of',
  is: 'is, =, :, be, should be, set to, are, equals, equal to, should use, equal, to be, being, should, must be, needs to be, gets, was, were, been, has been, have been, will be, gets to, must',
  swap: 'replace, swap, swap out, exchange, switch from',
  change:
    'change, set, update, switch, modify, adjust, increase, decrease, raise, lower, bump, reduce, put, turn, double',
  use: 'use, try, take, pick, go with, choose, do it with, let us use, prefer',
  load: 'load, lod, laod, loda, import, fetch, read, open, pull, download, ingest, bring in, grab, loading, upload, retrieve, reload',
  make: 'make, create, set up, build, prepare, spin up, produce, give me, generate, setup, construct, provision, creating, making, building, export, convert, turn into, convert it, render, having',
  scratch:
    'from scratch, from zero, from random weights, from random initialisation, from random initialization, from the ground up, randomly initialized, randomly initialised, random init',
  same: 'do the same, same thing, the same, repeat, same, repeat that, repeat this, likewise, do that, do this, same again, same plan, same pipeline, same recipe, ditto, rerun that, now for, the same thing, do the same thing, do it',
  version:
    'version, versions, variant, variants, copy, copies, model, one, checkpoint, weights, ones, models, llm, network, form, build, edition, lm, language model',
  /** With a quality behind them these ask for an evaluation: "check its accuracy". */
  test: 'test, tests',
  check:
    "check, measure, report, see, look at, find out, what is, what's, whats, inspect, verify, compute, calculate, determine, tell me, show me, get, know, check on, checks, give me the, report on",
  how: 'how, how does, how do, how did',
  how_good:
    'how good, how well, well it does, good it is, how it does, how it performs, how they do, how they compare, well they do, well it performs, how accurate, what accuracy, what perplexity, what score, what quality, how does it do, how does it perform',
  quality:
    'accuracy, performance, quality, results, scores, its score, generalization, generalisation, before after numbers, how much worse, how much better, how much accuracy',
  a: 'a, an, some, any',
  the: 'the, my, our, your, this, his',
  filler:
    "please, pls, plz, want, i, i'd, i'm, like, can, could, you, would, me, let's, lets, just, now, first, firstly, second, secondly, third, kindly, so, ok, okay, well, hey, hi, hello, there, we, us, up, some, do, run, perform, start, kick off, launch, carry out, execute, apply, conduct, thanks, thank, need, wanna, gonna, going, have, has, had, will, but, if, possible, great, nice, really, maybe, perhaps, think, thinking, about, data, which, what, all, only, more, less, many, most, much, very, quick, quickly, small, new, job, numbers, figures, well, good, how, then, else, still, while, since, because, so that, in order to, order, i've, that's, task, tasks, step, here, kind, kinds, sort, whole, full, long, short, big, large, better, best, see, tell, show, know, find out, figure out, look, get an idea, idea, plan, pipeline, trying, try to, afterwards, today, tonight, tomorrow, also please, cheers, mate, team, boss, project, work, stuff, thing, things, something, someone, everything, goal, aim, would be, would like, each time, time, times, per, peak, max, maximum, min, minimum, up to, at most, at least, around, approximately, roughly, exactly, total, overall, hyperparameters, hyperparams, settings, params, parameters, high, low, higher, lower value, value, number, count, rate, size, length, limit, limited, cap, capped, subset, portion, part, first, top, random, randomly, last, whatever, default, defaults, standard, usual, normal, simple, basic, proper, properly, correctly, final, finish, finished, done, complete, completely, end, beginning, begin, starting, initial, currently, current, existing, previous, earlier, latest, recent, newest, different, other, similar, mode, way, style, type, name, named, called, known, path, at path, located, local, remote, isolated, file, folder, directory, dir, stored, saved, save, saving, kept, lives, living, sits, found, into account, memory, gpu, gpus, cpu, machine, box, server, hardware, fast, faster, slow, cheap, cheaper, smaller, bigger, larger, size down, fit, fits, hub, hugging face, huggingface, from the hub, from hugging face, via the hub, face, hugging, weights too, sure, yeah, yep, alright, cool, right, might, may, shall, should i, i think, i guess, guess, tbh, btw, by the way, fyi, asap, e.g, i.e, eg, ie, etc, through it, out, off, own, same time, in parallel, parallel, concurrently, simultaneously, keep, keeping, let, not only, even, ever, never mind that, mind, actually please, if you can, if you could, can you, could you, would you, will you, i want to, i want, i would like to, i'd like to, we want to, we need to, i need to, i need, please do, go ahead and, go and, proceed to, feel free to, happy, hope, hoping, basically, essentially, literally, ultimately, eventually, especially, particularly, specifically, namely, mainly, mostly, supervised, instruct tuning, parameter efficient, peft, qlora, efficient, efficiently, carefully, gently, lightly, again please, on top, side, side by side, head to head, difference, differences, between, across, among, within, inside, under, where, whose, who, why, whether, either, neither, than, because of, due, given, based, depending, according, comes, come, go, goes, went, makes, made, uses, used, takes, took, does, did, doing, happens, happen, yes, no problem, colleague, colleagues, told, said, says, say, asked, wondering, wonder, curious, interested, story, anyway, anyways, long story short, however, though, although, unless, besides that, otherwise, that said, worth, needed, needs, required, require, necessary, useful, perform, performs, reporting, reports, result, metric wise, us a, everyone, people, guys, folks",
};

const nounWords: Record<string, string> = {
  dataset:
    'dataset, data set, datasets, corpus, data, training data, dataset called, data file, dataset at, text corpus, train data',
  config:
    'config, configuration, config file, configs, settings file, yaml, yaml file, training config, configuration file',
  lora: 'lora, adapter, adapters, lora adapter, lora adapters, lora weights, peft adapter, adapter weights, adaptor, lora checkpoint',
  env: 'env, environment, venv, virtual environment, virtualenv, environments, python env, python environment, virtual env, envs, isolated environment, sandbox, isolated env, conda env, runtime environment',
  calibration:
    'calibration, calibrate, calibrated, calibrating, calibration data, calibration set, calibration dataset, calib, calibration samples',
};

const splitWords: Record<string, string> = {
  train:
    'train split, training split, training set, train set, training partition, training portion, training half, train partition',
  validation:
    'validation split, validation set, val split, val set, dev set, dev split, development set, eval split, validation data, validation, validation partition, valid split, development split, validation portion, held out validation, dev, validation part, val, validation subset',
  test: 'test split, test set, testing set, test data, test partition, test portion, testing split, test part, test subset, held out test set',
};

export interface Lexicon {
  /** The longest sense that begins at `from`, and how many words it takes. */
  find(words: readonly string[], from: number): { sense: Sense; length: number } | undefined;
  /** The sense of a misspelt word, where exactly one task or input is close. */
  guess(word: string): Sense | undefined;
  knows(word: string): boolean;
}

const longestPhrase = 5;

/** All words the offline engine reads, for the tasks and inputs that this catalogue has. */
export function createLexicon(catalogue: Catalogue): Lexicon {
  const senses = new Map<string, Sense>();
  const put = (words: string | undefined, sense: Sense) => {
    for (const phrase of words?.split(',') ?? []) {
      const key = compact(phrase);
      if (key !== '' && !senses.has(key)) senses.set(key, sense);
    }
  };
  const runnable = [...catalogue.values()].filter(({ work }) => work.where !== 'service');
  const inputs = new Set(runnable.flatMap((task) => [...task.inputFields.keys()]));
  for (const task of runnable) put(task.name, { k: 'task', task: task.name, form: 'verb' });
  for (const [task, forms] of Object.entries(taskWords)) {
    if (!catalogue.has(task)) continue;
    for (const form of ['verb', 'ing', 'noun', 'done'] as const) put(forms[form], { k: 'task', task, form });
  }
  putFields(inputs, put);
  for (const [value, words] of Object.entries(splitWords)) put(words, { k: 'setting', field: 'split', value });
  for (const [n, words] of Object.entries(nounWords)) put(words, { k: 'noun', n });
  for (const [word, value] of Object.entries(numberWords)) put(word, { k: 'number', value });
  for (const [w, words] of Object.entries(steering)) put(words, { k: 'word', w });
  const guessable = [...senses].filter(
    ([key, { k }]) => key.length > 4 && (k === 'task' || k === 'field' || k === 'noun'),
  );
  return {
    find: (words, from) => findLongest(senses, words, from),
    guess: (word) => guess(word, senses, guessable),
    knows: (word) => senses.has(compact(word)),
  };
}

function putFields(inputs: ReadonlySet<string>, put: (words: string | undefined, sense: Sense) => void): void {
  for (const [field, values] of Object.entries(settingWords)) {
    if (!inputs.has(field)) continue;
    for (const [word, value] of Object.entries(values)) put(word, { k: 'setting', field, value });
  }
  for (const field of inputs) put(field, { k: 'field', field, unit: false });
  for (const [field, { unit, name }] of Object.entries(fieldWords)) {
    if (!inputs.has(field)) continue;
    put(unit, { k: 'field', field, unit: true });
    put(name, { k: 'field', field, unit: false });
  }
}

function findLongest(senses: ReadonlyMap<string, Sense>, words: readonly string[], from: number) {
  for (let length = Math.min(longestPhrase, words.length - from); length > 0; length--) {
    const sense = senses.get(compact(words.slice(from, from + length).join('')));
    if (sense !== undefined) return { sense, length };
  }
  return undefined;
}

function guess(
  word: string,
  senses: ReadonlyMap<string, Sense>,
  guessable: readonly [string, Sense][],
): Sense | undefined {
  const key = compact(word);
  if (key.length < 4 || senses.has(key) || /\d/.test(key) || realWords.has(key)) return undefined;
  const near = guessable.filter(([known]) => isTypoOf(key, known));
  const [first, ...others] = near;
  if (first === undefined) return undefined;
  const meaning = (sense: Sense) =>
    sense.k === 'task' ? sense.task : sense.k === 'field' ? sense.field : sense.k === 'noun' ? sense.n : '';
  return others.every(([, sense]) => meaning(sense) === meaning(first[1])) ? first[1] : undefined;
}

/** Ordinary words that lie close to a task's or an input's name. */
export const realWords: ReadonlySet<string> = new Set(
  'deepspeed,squash,square,squads,dolls,alpacas,mistral,falcons,opens,trail,trait,train,brain,strain,trains,drain,grain,turned,turn,turning,toned,tuner,tunes,timing,stamp,simple,samples,rate,rates,bench,score,scored,store,stored,adopt,adopted,access,assets,badge,match,batch,patch,branch,quantity,quality,layers,player,layer,reads,heads,needs,seeds,weeds,speed,feed,context,contest,content,contents,sequence,evaluate,valuable,value,values,testing,texting,resting,comparing,compiling,compile,shrink,drink,tested,texted,recording,records,record,lesson,steps,stops,stop,stems,items,times,title,token,taken,broken,epic,depth,death,hidden,width,with,method,metrics,matrix,metric,config,confirm,confirmed,confine,entries,entires,entire,instance,instances,example,examples,dates,date,database,databases,ranks,thanks,tanks,banks,alpha,alpine,tailored,scratch'.split(
    ',',
  ),
);
