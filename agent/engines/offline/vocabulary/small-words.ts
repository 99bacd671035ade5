/** Words of the grammar and of things, each list under the meaning that it has. */
import { filler } from './filler.ts';

/** Small words that steer, by the meaning that the grammar sees. */
export const smallWords = {
  // biome-ignore lint/suspicious/noThenProperty: a word of the language, never awaited
  then: `
    then, and then, afterwards, next, after that, followed by, subsequently, thereafter, finally, lastly,
    after which, once done, when done, once that is done, once thats done, when thats
    done, when its done, once its done, after it is done, and finally, plus, followed with, ending with,
    later, when finished, once finished, once trained, when thats finished, once thats finished,
    followed up by, and after that, and afterwards, before you finish`,
  last: 'at the end, in the end, at the very end, last, and last, as the last step, last of all',
  /** The next step comes before the one just told. */
  earlier: `
    before that, beforehand, but first, prior to that, before doing so, before doing that, preceded by, ahead
    of that, but before that, and before that, start with, starting with, begin with, beginning with, start
    by, starting by, begin by, beginning by`,
  and: 'and, n, as well as, along with, together with, alongside, vs, versus, vs., against',
  or: 'or, nor',
  after:
    'after, not before, not until, but not before, but not until, only after, but only after, once, following, after having, as soon as, right after, when',
  before: 'before, prior to, ahead of, until, preceding, right before',
  around: 'before and after, pre and post, both before and after, after and before, before as well as after',
  also: `
    also, too, additionally, in addition, besides, as well, another, add, on top of that, further, extra,
    append, include, one more, and also, next to it, next to that, alongside it, alongside that, beside it,
    same data, the same data, same dataset, the same dataset, the same data set, same training data`,
  again: 'again, once more, one more time, anew, re evaluate, reevaluate',
  instead: 'instead, rather',
  not: `
    not, don't, dont, do not, without, no, skip, never, except, leave out, omit, drop, remove, minus,
    exclude, w/o, won't, no need to, no need for, doesn't need, forget about, never mind, never mind the, nevermind, leave off, excluding, ditch,
    get rid of, don't want, do not want, don't need, do not need, cut, stop before, skipping,
    delete, hold off on, take out, forget the, lose the, scrap, drop the, don't bother, don't bother with,
    rather not, take away`,
  not_needed: `
    isn't needed, is not needed, isn't necessary, is not necessary, isn't required, not needed, not
    necessary, unnecessary, can be skipped, should be skipped, can go, is unnecessary`,
  instead_of: 'instead of, rather than, in place of, and not, but not, not on, not the, replacing',
  correct: `
    i mean, i meant, sorry, no wait, wait, actually, scratch that, correction, make that, oops, my mistake,
    hang on, let's make it, make it, i'd rather, on second thought, hmm, er, no sorry`,
  both: `
    both, both of them, the two, both models, both versions, the pair, these two, those two, two models`,
  three: `
    all three, all three models, all three of them, all four, all four models, all five, the three models,
    all 3, all 3 models`,
  each: `
    each, every, each of them, all of them, each one, every one, all the models, all models, every model,
    each model, each stage, every stage, each step, every step, all versions, each version, each of these,
    all of these, all stages, all of the models`,
  respectively: 'respectively, resp, resp., in that order, pairwise',
  separately: 'separately, individually, on its own, independently, one by one, in turn',
  it: `
    it, this, that, its, the result, the model, this model, that model, the resulting model, the output, the
    outcome, the new model, that one, the resulting one`,
  them: 'them, these, those, they, their',
  same_model: `
    the same model, same model, the same base model, same base model, the same base, the same network`,
  base: `
    base, base model, the base, the original, original model, the original model, the base model, baseline,
    the baseline, base version, untuned model, the untuned model, pretrained model, the pretrained model,
    unfinetuned, the untouched model, vanilla, stock model, the base one, untuned, the original one,
    original version, the vanilla model, the raw model, untrained, before tuning, the starting model,
    same model, the same model, same base model, the same base model, same base, the same base, original weights,
    the original weights, same starting model`,
  unquantized: `
    unquantized, full precision, unquantised, non quantized, unquantized model, full precision model,
    uncompressed, fp16 version, full precision version, float model, unquantized version, not quantized,
    fp16 model, bf16 model`,
  on: 'on, over, onto, upon, against the',
  with: 'with, containing, including, includes, contains, that has, using, via, by, w/, through',
  from: 'from, out of, starting from, start from, beginning from, initialised from, initialized from',
  to: 'to, into, down to, in, at, as, toward',
  for: 'for, during',
  of: 'of',
  is: `
    is, =, :, be, should be, set to, are, equals, equal to, should use, equal, to be, being, should, must
    be, needs to be, gets, was, were, been, has been, have been, will be, gets to, must`,
  swap: 'replace, swap, swap out, exchange, switch from',
  change: `
    change, set, update, switch, modify, adjust, increase, decrease, raise, lower, bump, reduce, put, turn,
    double`,
  use: 'use, try, take, pick, go with, choose, do it with, let us use, prefer',
  load: `
    load, lod, laod, loda, import, fetch, read, open, pull, download, ingest, bring in, grab, loading,
    upload, retrieve, reload`,
  loaded: 'loaded, pulled in, fetched, downloaded, imported, ingested, read in',
  /** Verbs of a tale: "I tried phi-2 in spring". */
  past: 'tried, looked, looked at, ran, saw, had, did, used, played, worked, went, made, took, spent, noticed',
  /** Talk of machines and containers, which no task has an input for. */
  system: `
    mount, mounts, mounted, mounting, volume, volumes, container, containers, docker, dockerfile, podman,
    privileged, entrypoint, sudo, bash, shell, curl, wget, chmod, ssh, image, docker image, container image,
    base image, host, the host, root, daemon, crontab, cron job`,
  make: `
    make, create, set up, build, prepare, spin up, produce, give me, generate, setup, construct, provision,
    creating, making, building, export, convert, turn into, convert it, render, having`,
  scratch: `
    from scratch, from zero, from random weights, from random initialisation, from random initialization,
    from the ground up, randomly initialized, randomly initialised, random init, brand new`,
  same: `
    do the same, same thing, the same, repeat, same, repeat that, repeat this, likewise, do that, do this,
    same again, same plan, same pipeline, same recipe, ditto, rerun that, now for, the same thing, do the
    same thing, do it`,
  version: `
    version, versions, variant, variants, copy, copies, model, one, checkpoint, weights, ones, models, llm,
    network, form, build, edition, lm, language model`,
  /** With a quality behind them these ask for an evaluation: "check its accuracy". */
  test: 'test, tests',
  check: `
    check, measure, report, see, look at, find out, what is, what's, whats, inspect, verify, compute,
    calculate, determine, tell me, show me, get, know, check on, checks, give me the, report on`,
  how: 'how, how does, how do, how did',
  how_good: `
    how good, how well, well it does, good it is, how it does, how it performs, how they do, how they
    compare, well they do, well it performs, how accurate, what accuracy, what perplexity, what score, what
    quality, how does it do, how does it perform`,
  quality: `
    accuracy, performance, quality, results, numbers, figures, scores, stats, benchmark numbers, best,
    better, worse, stronger, beats, outperforms, wins, its score, generalization, generalisation, before after
    numbers, how much better`,
  /** What a quantization costs is measured on both of its sides. */
  loss: `
    lose, loses, lost, losing, loss, hurt, hurts, degrade, degrades, degradation, suffer, suffers, how much worse, how
    much accuracy`,
  a: 'a, an, some, any',
  the: 'the, my, our, your, this, his',
  filler,
} satisfies Record<string, string>;
export type SmallWord = keyof typeof smallWords;

/** Things that a task works with, and that a name may be told to be. */
export const nounWords = {
  dataset: `
    dataset, data set, datasets, image dataset, image data, corpus, data, training data, dataset called, data file, dataset at, text
    corpus, train data`,
  config: `
    config, configuration, config file, training settings, settings from, settings in, settings at, configs, settings file, yaml, yaml file, training config,
    configuration file`,
  lora: `
    lora, adapter, adapters, lora adapter, lora adapters, lora weights, peft adapter, adapter weights,
    adaptor, lora checkpoint`,
  env: `
    env, environment, venv, virtual environment, virtualenv, environments, python env, python environment,
    virtual env, envs, isolated environment, sandbox, isolated env, conda env, runtime environment`,
  calibration: `
    calibration, calibrate, calibrated, calibrating, calibration data, calibration set, calibration dataset,
    calib, calibration samples`,
} satisfies Record<string, string>;
export type Noun = keyof typeof nounWords;
