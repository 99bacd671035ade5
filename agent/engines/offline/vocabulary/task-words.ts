/** How a task is mentioned: "finetune", "finetuning", "quantization", "finetuned". */
export type TaskForm = 'verb' | 'ing' | 'noun' | 'done';

/** Ways to say a task beside its name in the catalogue. */
export const taskWords: Record<string, Partial<Record<TaskForm, string>>> = {
  finetune: {
    verb: `
      finetune, fine tune, tune, ft, sft, instruction tune, lora tune, adapt, specialise, specialize, lora
      finetune, teach`,
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
    verb: `
      quantize, quantise, compress, ptq, quant, squeeze, shrink, post training quantize, qunatize, quantizes`,
    ing: 'quantizing, quantising, compressing, shrinking, quanting',
    noun: `
      quantization, quantisation, post training quantization, post training quantisation, quantization step,
      compression`,
    done: 'quantized, quantised, compressed, shrunk',
  },
  qat: {
    verb: 'qat, quantization aware train, quantization aware finetune',
    ing: `
      quantization aware training, quantisation aware training, quantization aware finetuning, quantization
      aware fine tuning, quant aware training, quantize aware training, quantized aware training, qat
      training, quantisation aware finetuning, quantization aware, quantisation aware,
      quantization awareness, quantization in the loop, fake quantization, simulated quantization`,
    noun: 'qat run',
    done: 'qat trained, quantization aware trained',
  },
  evaluate: {
    verb: `
      evaluate, eval, benchmark, score, assess, evaluates, compare, validate, judge, evaluate performance,
      gauge`,
    ing: 'evaluating, benchmarking, scoring, assessing, testing, evaling, comparing, measuring, validating',
    noun: 'evaluation, evals, evaluations, comparison, assessment, evaluation step, eval run, benchmarks',
    done: 'evaluated, benchmarked, tested, scored, assessed, compared, measured',
  },
};
