/** Words for inputs beside their names; a unit stands behind its number ("3 epochs"). */
export const inputWords: Record<string, { unit?: string; name?: string }> = {
  num_epochs: {
    unit: 'epoch, epochs, passes, epoches, full passes, ep, eps, pass',
    name: 'number of epochs, epoch count',
  },
  max_steps: {
    unit: `
      step, steps, iterations, iters, iteration, updates, training steps, optimizer steps, gradient steps`,
    name: 'max steps, number of steps, step count',
  },
  learning_rate: { name: 'lr, learning rate, learning rates, learn rate, lrs, step size, peak lr' },
  batch_size: { name: 'batch size, bs, bsz, batch, batches, batchsize, batch sizes, minibatch size, mini batch size' },
  max_seq_length: {
    unit: 'tokens',
    name: `
      max seq length, sequence length, seq length, seq len, seqlen, max length, max sequence length, context
      length, context, ctx, context window, max len, max seq len, max tokens, context size, sequences, cutoff
      length`,
  },
  warmup_ratio: { name: 'warmup, warm up, warmup ratio, warmup fraction, warmup share' },
  weight_decay: { name: 'weight decay, decay, wd' },
  gradient_accumulation_steps: {
    unit: `
      gradient accumulation steps, grad accum steps, grad accumulation steps, accumulation steps, gradient
      accumulations, accum steps`,
    name: `
      gradient accumulation, grad accumulation, grad accum, gradient accum, grad acc, accumulation, ga,
      gradient accumulation over, accumulate gradients, accumulating gradients, accumulate grads`,
  },
  lora_rank: { name: 'rank, r, lora rank, lora r, ranks, lora ranks' },
  lora_alpha: { name: 'alpha, lora alpha, scaling alpha' },
  lora_dropout: { name: 'dropout, lora dropout, drop out' },
  seed: { name: 'seed, random seed, rng seed, seeds' },
  bits: { unit: 'bit, bits, bpw', name: 'bit width, precision, bitwidth, bit widths, number of bits' },
  max_samples: {
    unit: `
      samples, examples, rows, records, instances, entries, data points, datapoints, sample, questions, row,
      example, items, training examples, training samples, lines, documents, docs, eval samples`,
    name: 'max samples, sample limit, number of samples, sample count',
  },
  split: { name: 'split' },
  hidden_size: {
    name: `
      hidden size, hidden dim, hidden dimension, width, d_model, model dim, embedding size, hidden, hidden
      width, embedding dim, embed dim, n embd, dim`,
  },
  num_layers: {
    unit: 'layer, layers, blocks, transformer blocks, transformer layers',
    name: 'depth, number of layers, n layers, n layer, layer count',
  },
  num_heads: { unit: 'head, heads, attention heads, attn heads', name: 'number of heads, n heads, n head, head count' },
  vocab_size: { name: 'vocab size, vocabulary, vocab, vocabulary size, vocabulary of' },
  python_version: { name: 'python, py, python version' },
  method: { name: 'method, quantization method, scheme, algorithm' },
  metrics: { name: 'metric, metrics' },
  architecture: { name: 'architecture, arch' },
};

/** Values that say their input themselves. */
export const valueWords: Record<string, Record<string, string | number>> = {
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

/** Parts of a dataset, which are values of `split`. */
export const splitWords: Record<string, string> = {
  train: `
    train split, training split, training set, train set, training partition, training portion, training
    half, train partition`,
  validation: `
    validation split, validation set, val split, val set, dev set, dev split, development set, eval split,
    validation data, validation, validation partition, valid split, development split, validation portion,
    held out validation, dev, validation part, val, validation subset`,
  test: `
    test split, test set, testing set, test data, test partition, test portion, testing split, test part,
    test subset, held out test set`,
};

export const numberWords: Record<string, number> = {
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
  forty: 40,
  fifty: 50,
  sixty: 60,
  seventy: 70,
  eighty: 80,
  ninety: 90,
  hundred: 100,
  thousand: 1000,
  'a hundred': 100,
  'a thousand': 1000,
  single: 1,
  dozen: 12,
  'a dozen': 12,
  'half a': 0.5,
  'half an': 0.5,
};
