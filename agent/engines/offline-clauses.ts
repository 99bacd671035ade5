import type { NameKind } from '../aliases.ts';
import { combinations } from '../build-pipeline.ts';
import type { DatasetWish, Setting } from '../commands.ts';
import type { Piece, ValuePiece } from './offline-values.ts';

/** What the grammar has to know of the tasks: how they fit, and not what they do. */
export interface TaskFacts {
  has(task: string): boolean;
  takes(task: string, input: string): boolean;
  takesModel(task: string): boolean;
  takesDataset(task: string): boolean;
  makesModel(task: string): boolean;
  /** Quantizes what exists, without training data. */
  quantizes(task: string): boolean;
  /** Inputs of the dataset's loader, which a step's clause may mention. */
  loaderTakes(input: string): boolean;
  /** Every input that takes a list. */
  isList(input: string): boolean;
}

type Scalar = string | number | boolean;

/** What is said about one step. */
export interface Clause {
  task: string;
  form: 'verb' | 'ing' | 'noun' | 'done' | 'implied';
  models: string[];
  from: string[];
  datasets: { name: string | null; settings: Map<string, Scalar[]> }[];
  settings: Map<string, Scalar[]>;
  /** Settings that wait for the dataset they limit: "the first 500 rows of squad". */
  waiting: Map<string, Scalar[]>;
  cues: Set<string>;
}

export interface Reading {
  clauses: Clause[];
  dropped: string[];
  /** Names and values that no step was said for. */
  loose: Clause;
  /** Names that were negated: "not gpt2", "instead of squad". */
  rejected: { kind: NameKind; said: string }[];
  ids: string[];
  /** Paths and hub names that no word places. */
  paths: string[];
  /** Numbers that no word places. */
  amounts: number[];
  unknown: string[];
  cues: Set<string>;
}

/** The words around a place that change what is there. */
interface Lead {
  order: 'after' | 'before' | 'around' | undefined;
  since: number;
}

const noTask = '';

/** Reads pieces as clauses, one a step, in the order in which the steps are to run. */
export function readClauses(
  pieces: readonly Piece[],
  facts: TaskFacts,
  inPlan: ReadonlySet<string>,
  asked: ReadonlySet<string> = new Set(),
): Reading {
  const reader = new ClauseReader(pieces, facts, inPlan, asked);
  return reader.read();
}

function newClause(task: string, form: Clause['form']): Clause {
  return { task, form, models: [], from: [], datasets: [], settings: new Map(), waiting: new Map(), cues: new Set() };
}

export function settingsOf(map: ReadonlyMap<string, Scalar[]>): Setting[] {
  return [...map].map(([input, values]) => ({ input, values }));
}

/** The datasets of a clause; several parts of one ("train and validation splits") are several datasets. */
export function wishesOf(clause: Clause): DatasetWish[] {
  return clause.datasets.flatMap(({ name, settings }) =>
    combinations(Object.fromEntries(settings)).map((one) => ({
      name,
      settings: Object.entries(one).map(([input, value]) => ({ input, values: [value as Scalar] })),
    })),
  );
}

class ClauseReader {
  readonly #pieces: readonly Piece[];
  readonly #facts: TaskFacts;
  readonly #inPlan: ReadonlySet<string>;
  /** Inputs of the open question: a name said before any step answers it. */
  readonly #asked: ReadonlySet<string>;
  readonly #clauses: Clause[] = [];
  /** Said before the step they belong to. */
  #early = newClause(noTask, 'implied');
  /** "before quantizing, finetune": steps that wait for the one they follow. */
  #deferred: Clause[] = [];
  #current: Clause | undefined;
  #lead: Lead = { order: undefined, since: 0 };
  #at = 0;
  /** Where a "no," stood that takes back what was said before it. */
  #correctedAt = Number.NEGATIVE_INFINITY;
  /** A comma or a new sentence since the last step's words. */
  #newSentence = false;
  readonly #reading: Reading = {
    clauses: this.#clauses,
    dropped: [],
    loose: this.#early,
    rejected: [],
    ids: [],
    paths: [],
    amounts: [],
    unknown: [],
    cues: new Set(),
  };

  constructor(pieces: readonly Piece[], facts: TaskFacts, inPlan: ReadonlySet<string>, asked: ReadonlySet<string>) {
    this.#asked = asked;
    this.#pieces = pieces;
    this.#facts = facts;
    this.#inPlan = inPlan;
  }

  read(): Reading {
    while (this.#at < this.#pieces.length) {
      const piece = this.#pieces[this.#at] as Piece;
      this.#readPiece(piece);
      this.#at++;
    }
    this.#finish();
    return this.#reading;
  }

  #readPiece(piece: Piece): void {
    switch (piece.k) {
      case 'task':
        return this.#readTask(piece.task, piece.form);
      case 'word':
        return this.#readWord(piece.w);
      case 'noun':
        return this.#readNoun(piece.n);
      case 'name':
        return this.#readName(piece.kind, piece.said, piece.article, piece.settled);
      case 'path':
      case 'hub':
        return this.#readPath(piece.text);
      case 'value':
        return this.#readValue(piece);
      case 'amount':
        return this.#readAmount(piece.value, piece.small);
      case 'id':
        this.#reading.ids.push(piece.text);
        return;
      case 'requirement':
        return this.#readStrayRequirement(piece.text);
      case 'unknown':
        return this.#readUnknown(piece.text, piece.quoted);
      case 'mark':
        if (/[.;!?]/.test(piece.text)) this.#newSentence = true;
        if (/[.;!?,]/.test(piece.text)) this.#lead = { order: undefined, since: 0 };
        return;
    }
  }

  #peek(offset: number): Piece | undefined {
    return this.#pieces[this.#at + offset];
  }

  #wordAt(offset: number): string | undefined {
    const piece = this.#peek(offset);
    return piece?.k === 'word' ? piece.w : undefined;
  }

  /** The first piece that `wanted` accepts within reach, past pieces that `through` lets pass. */
  #ahead(reach: number, wanted: (piece: Piece) => boolean, through: (piece: Piece) => boolean): number | undefined {
    for (let offset = 1; offset <= reach; offset++) {
      const piece = this.#peek(offset);
      if (piece === undefined) return undefined;
      if (wanted(piece)) return offset;
      if (!through(piece)) return undefined;
    }
    return undefined;
  }

  // Steps

  #readTask(task: string, form: Clause['form']): void {
    const lead = this.#at - this.#lead.since <= 5 ? this.#lead.order : undefined;
    const order = form === 'done' && this.#wasBefore() ? 'after' : lead;
    this.#lead = { order: undefined, since: 0 };
    if (task === 'create_env') return this.#readEnvironment();
    if (task === 'train' && this.#isSplit()) return this.#readValue({ k: 'value', field: 'split', values: ['train'] });
    if (this.#isManner(task)) return;
    if (form === 'done' && this.#isReference(order)) return this.#refer(task);
    if (task === 'train' && this.#speaksOfTraining(form)) return;
    if (form === 'verb') this.#forgetMereTalk(task);
    const known =
      this.#clauses.find((clause) => clause.task === task) ?? this.#deferred.find((clause) => clause.task === task);
    if (order !== undefined && this.#current?.task === 'evaluate' && task !== 'evaluate') {
      if (this.#evaluateAround(order, task, known)) return;
    }
    if (known !== undefined && this.#mentionsAgain(known, form, order)) return this.#goBack(known);
    this.#begin(task, form, order);
  }

  /** "the train and validation splits". */
  #isSplit(): boolean {
    const next = this.#peek(2);
    return this.#wordAt(1) === 'and' && next?.k === 'value' && next.field === 'split';
  }

  /** "training for 3 epochs" and "train for 500 steps" speak of the training that there is already. */
  #speaksOfTraining(form: Clause['form']): boolean {
    const trained = this.#trainingMeant(form);
    if (trained !== undefined) {
      this.#goBack(trained);
      return true;
    }
    const planned = ['finetune', 'qat'].find((other) => this.#inPlan.has(other));
    if (planned === undefined || this.#startsOwnObject() || this.#saysThen()) return false;
    this.#readTask(planned, form);
    return true;
  }

  /** "a quantized phi-2 that was finetuned on dolly": the earlier step is told last. */
  #wasBefore(): boolean {
    const before = this.#peek(-1);
    return before?.k === 'word' && /^(was|were|been)$/i.test(before.text);
  }

  /** "does quantization hurt? quantize phi-2": a step that was only talked of gives way to the one asked for. */
  #forgetMereTalk(task: string): void {
    const talk = this.#clauses.findIndex(
      (clause) =>
        clause.task === task &&
        clause.form === 'noun' &&
        clause.models.length + clause.datasets.length + clause.settings.size === 0,
    );
    if (talk < 0 || this.#nearby(['again', 'also'])) return;
    if (this.#current === this.#clauses[talk]) this.#current = undefined;
    this.#clauses.splice(talk, 1);
  }

  /** "train gpt2 with QAT": how, and no second step. */
  #isManner(task: string): boolean {
    const current = this.#current;
    const trains = current !== undefined && (current.task === 'train' || current.task === 'finetune');
    if (task !== 'qat' || !trains || this.#wordAt(-1) !== 'with') return false;
    current.task = task;
    return true;
  }

  /** "training" after a step that trains is that step, not another one. */
  #trainingMeant(form: Clause['form']): Clause | undefined {
    const trainer = this.#clauses.findLast(
      ({ task }) => task === 'train' || (this.#facts.makesModel(task) && !this.#facts.quantizes(task)),
    );
    if (trainer === undefined) return undefined;
    if (form !== 'verb') return this.#startsOwnObject() ? undefined : trainer;
    return this.#startsOwnObject() || this.#saysThen() ? undefined : trainer;
  }

  #saysThen(): boolean {
    return this.#wordAt(-1) === 'then' || this.#wordAt(-2) === 'then';
  }

  #startsOwnObject(): boolean {
    const names = (piece: Piece) => piece.k === 'name' && piece.kind === 'model';
    return (
      this.#ahead(3, names, (piece) => piece.k === 'word' && /^(a|the|of|for|filler)$/.test(piece.w)) !== undefined
    );
  }

  #mentionsAgain(known: Clause, form: Clause['form'], order: Lead['order']): boolean {
    if (known.cues.has('implied')) {
      known.cues.delete('implied');
      return true;
    }
    if (this.#nearby(['again', 'also'])) return false;
    if (form === 'noun' || form === 'done')
      return order !== undefined || this.#wordAt(-1) === 'the' || this.#wordAt(-1) === 'for' || this.#newSentence;
    if (order !== undefined) return true;
    if (form === 'ing') return !this.#startsOwnObject();
    // "I want to finetune gpt2. Finetune it on squad." is one step told in two sentences.
    const bare = this.#facts.takesDataset(known.task) && known.datasets.length === 0 && this.#wordAt(1) === 'it';
    return bare && !this.#saysThen() && this.#clauses.at(-1) === known;
  }

  #nearby(words: readonly string[]): boolean {
    return [-2, -1, 1, 2, 3].some((offset) => words.includes(this.#wordAt(offset) ?? ''));
  }

  #goBack(clause: Clause): void {
    this.#current = clause;
    this.#newSentence = false;
  }

  #begin(task: string, form: Clause['form'], order: Lead['order']): Clause {
    const clause = newClause(task, form);
    const main = this.#current;
    const sameSentence = main !== undefined && !this.#newSentence && this.#clauses.includes(main);
    if (order === 'after' && sameSentence) this.#clauses.splice(this.#clauses.indexOf(main), 0, clause);
    else if (order === 'before' && !sameSentence) this.#deferred.push(clause);
    else {
      this.#clauses.push(clause);
      this.#clauses.push(...this.#deferred.splice(0));
    }
    if (order === 'after' && sameSentence) clause.cues.add('told_late');
    this.#takeEarly(clause);
    this.#current = clause;
    this.#newSentence = false;
    if (this.#nearby(['again'])) clause.cues.add('again');
    return clause;
  }

  /** Names and values said before any step belong to the first one that takes them. */
  #takeEarly(clause: Clause): void {
    const { models, from, datasets, settings, waiting } = this.#early;
    if (this.#facts.takesModel(clause.task) && !this.#asked.has('model_name')) {
      clause.models.push(...models.splice(0));
      clause.from.push(...from.splice(0));
    }
    if (
      this.#facts.takesDataset(clause.task) &&
      !this.#facts.quantizes(clause.task) &&
      !this.#asked.has('dataset_path')
    )
      clause.datasets.push(...datasets.splice(0));
    for (const map of [settings, waiting]) {
      for (const [input, values] of map) {
        if (this.#attach(clause, input, values)) map.delete(input);
      }
    }
  }

  /** "the quantized model" names what a step makes; "should be quantized" asks for the step. */
  #isReference(order: Lead['order']): boolean {
    const passive = this.#wordAt(-1) === 'is' || this.#wordAt(-2) === 'is';
    // "once you have finetuned phi-2" tells of the step itself.
    const told = order !== undefined && this.#wordAt(-1) === 'filler';
    if (passive || told) return false;
    const nounLike = (piece: Piece) =>
      (piece.k === 'word' && piece.w === 'version') || (piece.k === 'name' && piece.kind === 'model');
    const pass = (piece: Piece) =>
      piece.k === 'value' || (piece.k === 'mark' && piece.text === '-') || piece.k === 'name';
    if (this.#ahead(3, nounLike, pass) !== undefined) return true;
    const before = [-1, -2].map((offset) => this.#wordAt(offset));
    // "the base and finetuned on squad": one more of what was named.
    const twin = this.#wordAt(-1) === 'and' && (this.#wordAt(-2) === 'base' || this.#peek(-2)?.k === 'task');
    if (twin && this.#wordAt(1) === 'on') return true;
    const next = this.#wordAt(1);
    const closes = next === undefined ? this.#peek(1) === undefined || this.#peek(1)?.k === 'mark' : next === 'and';
    return closes && before.some((word) => word === 'the' || word === 'both' || word === 'a' || word === 'each');
  }

  #refer(task: string): void {
    const exists = this.#inPlan.has(task) || this.#clauses.some((clause) => clause.task === task);
    if (!exists && this.#facts.quantizes(task)) this.#imply(task);
    else if (!exists) this.#reading.unknown.push(task);
    const user = this.#current;
    const from = `after:${task}`;
    if (user !== undefined && user.task !== task && this.#facts.takesModel(user.task)) pushNew(user.from, from);
    else if (user === undefined) pushNew(this.#early.from, from);
  }

  /** A step that is only spoken of through its result: "a 4-bit version of phi-2". */
  #imply(task: string): Clause {
    const clause = newClause(task, 'implied');
    clause.cues.add('implied');
    const user = this.#current;
    if (user !== undefined && !this.#facts.makesModel(user.task)) {
      this.#clauses.splice(this.#clauses.indexOf(user), 0, clause);
      if (this.#clauses[0] === clause) clause.models.push(...user.models);
      this.#moveSetting(user, clause);
    } else {
      this.#clauses.push(clause);
    }
    this.#moveSetting(this.#early, clause);
    return clause;
  }

  #moveSetting(from: Clause, to: Clause): void {
    const bits = from.settings.get('bits');
    if (bits === undefined || this.#facts.takes(from.task, 'bits')) return;
    to.settings.set('bits', bits);
    from.settings.delete('bits');
  }

  /** "evaluate before and after quantization": which models are evaluated, not when. */
  #evaluateAround(order: 'after' | 'before' | 'around', task: string, known: Clause | undefined): boolean {
    const evaluation = this.#current;
    if (evaluation === undefined || !this.#facts.makesModel(task)) return false;
    if (known === undefined && !this.#inPlan.has(task)) {
      if (order === 'after' && !this.#nearby(['both'])) return false;
      const clause = this.#begin(task, 'ing', 'after');
      // Both sides are measured with one dataset, so the step in the middle is trained on it.
      if (order === 'around') clause.cues.delete('told_late');
    } else if (known !== undefined && this.#clauses.indexOf(known) > this.#clauses.indexOf(evaluation)) {
      return false;
    }
    for (const side of order === 'around' ? ['before', 'after'] : [order]) pushNew(evaluation.from, `${side}:${task}`);
    return true;
  }

  // Words

  #readWord(word: string): void {
    switch (word) {
      case 'not':
        return this.#readNegation();
      case 'instead_of':
        return this.#reject(this.#at + 1);
      case 'not_needed':
        return this.#dropLast();
      case 'after':
      case 'before':
      case 'around':
        this.#lead = { order: word, since: this.#at };
        if (word === 'after' && this.#closesPair()) return;
        if (word === 'around' && this.#followingTask() === undefined) this.#aroundPrevious();
        return;
      case 'then':
        if (this.#at === 0) this.#reading.cues.add('then_first');
        this.#lead = { order: undefined, since: 0 };
        return;
      case 'both':
      case 'each':
      case 'them':
      case 'it':
      case 'three':
      case 'base':
      case 'unquantized':
        return this.#readReference(word);
      case 'load':
        return this.#readLoad();
      case 'make':
        return this.#readMake();
      case 'test':
        return this.#readTest();
      case 'swap':
        return this.#reject(this.#at + 1);
      case 'check':
        return this.#readCheck();
      case 'how':
        return this.#readHow();
      case 'how_good':
        if (this.#current?.task !== 'evaluate' && this.#facts.has('evaluate')) this.#readTask('evaluate', 'verb');
        return;
      case 'version':
        return this.#readVersion();
      default:
        this.#reading.cues.add(word);
        this.#current?.cues.add(word);
    }
  }

  /** "before quantizing and after": the second half leaves the step out. */
  #closesPair(): boolean {
    if (this.#followingTask() !== undefined || this.#wordAt(-1) !== 'and') return false;
    const evaluation = this.#clauses.find(({ from }) => from.at(-1)?.startsWith('before:') === true);
    const before = evaluation?.from.at(-1);
    if (evaluation === undefined || before === undefined) return false;
    pushNew(evaluation.from, before.replace('before:', 'after:'));
    return true;
  }

  #followingTask(): number | undefined {
    return this.#ahead(
      4,
      (piece) => piece.k === 'task',
      (piece) => piece.k === 'word' && /^(the|it|is|filler|a)$/.test(piece.w),
    );
  }

  #aroundPrevious(): void {
    const evaluation = this.#current;
    if (evaluation === undefined) return;
    const made = this.#clauses
      .slice(0, this.#clauses.indexOf(evaluation))
      .findLast(({ task }) => this.#facts.makesModel(task));
    if (made !== undefined) {
      pushNew(evaluation.from, `before:${made.task}`);
      pushNew(evaluation.from, `after:${made.task}`);
    }
    this.#lead = { order: undefined, since: 0 };
  }

  #readNegation(): void {
    if (this.#peek(1)?.k === 'mark' || this.#peek(1) === undefined) {
      this.#reading.cues.add('correct');
      this.#correctedAt = this.#at;
      return;
    }
    const small = (piece: Piece) =>
      (piece.k === 'word' &&
        /^(the|a|it|filler|check|is|not|make|use|change|to|version|again|also|for|each|them)$/.test(piece.w)) ||
      piece.k === 'noun';
    const task = this.#ahead(5, (piece) => piece.k === 'task', small);
    if (task !== undefined) return this.#drop(task);
    const next = this.#peek(1);
    const second = this.#peek(2);
    if (next?.k === 'name' || next?.k === 'path' || next?.k === 'hub') return this.#reject(this.#at + 1);
    if (this.#wordAt(1) === 'on' && second?.k === 'name') return this.#reject(this.#at + 2);
    if (next?.k === 'value') this.#at += 1;
    if (this.#wordAt(1) === 'test') {
      this.#reading.dropped.push('evaluate');
      this.#at += 1;
    }
  }

  /** Drops the task, and those joined to it: "without quantizing or evaluating". */
  #drop(offset: number): void {
    const first = this.#peek(offset);
    if (first?.k !== 'task') return;
    pushNew(this.#reading.dropped, first.task);
    this.#at += offset;
    for (;;) {
      const joint = this.#wordAt(1);
      const step = this.#wordAt(2) === 'the' || this.#wordAt(2) === 'not' ? 3 : 2;
      const next = this.#peek(step);
      const joined =
        joint === 'or' || (joint === 'and' && next?.k === 'task' && next.form === first.form && first.form !== 'verb');
      if (!joined || next?.k !== 'task') break;
      pushNew(this.#reading.dropped, next.task);
      this.#at += step;
    }
    // "don't evaluate it on imdb": what belongs to the dropped step goes with it.
    while (this.#isOfDropped(this.#peek(1))) this.#at++;
  }

  #isOfDropped(piece: Piece | undefined): boolean {
    return piece?.k === 'word' && /^(it|them|version)$/.test(piece.w);
  }

  #dropLast(): void {
    const last = this.#clauses.at(-1);
    if (last === undefined) return;
    this.#clauses.pop();
    pushNew(this.#reading.dropped, last.task);
    this.#current = this.#clauses.at(-1);
  }

  #reject(index: number): void {
    let at = index;
    while (this.#pieces[at]?.k === 'word' && /^(the|a|on|with|it)$/.test((this.#pieces[at] as { w: string }).w)) at++;
    const piece = this.#pieces[at];
    if (piece?.k === 'name') {
      this.#reading.rejected.push({ kind: piece.kind, said: piece.said });
      this.#at = at;
    } else if (piece?.k === 'task' && at === index) {
      pushNew(this.#reading.dropped, piece.task);
      this.#at = at;
    } else if (piece?.k === 'value') {
      this.#at = at;
    }
    this.#reading.cues.add('instead');
  }

  #readReference(word: string): void {
    this.#reading.cues.add(word);
    const user = this.#current ?? this.#early;
    user.cues.add(word);
    if (word === 'base' && this.#startsOwnObject()) return;
    const compared = [-1, -2].some((offset) => /^(and|with|to|on)$/.test(this.#wordAt(offset) ?? ''));
    if (word === 'base') {
      if (compared && user.models.length === 0 && user.from.length === 0) user.from.push('newest');
      pushNew(user.from, 'base');
    }
    if (word === 'unquantized') {
      if (compared && user.from.length === 0) user.from.push('newest');
      pushNew(user.from, 'unquantized');
    }
  }

  #readLoad(): void {
    const next = this.#ahead(
      4,
      (piece) => /^(name|path|hub|noun|value|unknown|amount)$/.test(piece.k),
      (piece) => piece.k === 'word' && !/^(then|and|load)$/.test(piece.w),
    );
    const piece = next === undefined ? undefined : this.#peek(next);
    // "I read that …": words that are not always about data need data behind them.
    if (/^(read|open|pull|reading)$/.test(this.#said()) && !/^(name|path|hub|noun)$/.test(piece?.k ?? '')) return;
    // "load gpt2 and finetune it": models are not loaded by a step of their own.
    if (piece?.k === 'name' && piece.kind === 'model') return;
    if (piece?.k === 'noun' && piece.n === 'env') return;
    const noun = piece?.k === 'noun' ? piece.n : undefined;
    const ahead = this.#pieces.slice(this.#at, this.#at + 7).find((other) => other.k === 'noun');
    const said = noun ?? (piece?.k === 'name' ? 'dataset' : ahead?.k === 'noun' ? ahead.n : 'dataset');
    const task = said === 'config' ? 'load_config' : said === 'lora' ? 'load_lora' : 'load_dataset';
    if (piece === undefined || !this.#facts.has(task)) {
      this.#reading.cues.add('load');
      return;
    }
    this.#lead = { order: undefined, since: 0 };
    this.#begin(task, 'verb', undefined);
  }

  #readMake(): void {
    const env = this.#ahead(
      5,
      (piece) => piece.k === 'noun' && piece.n === 'env',
      (piece) => piece.k !== 'task' && piece.k !== 'mark' && !(piece.k === 'word' && piece.w === 'and'),
    );
    if (env !== undefined) return;
    const bits = this.#ahead(
      4,
      (piece) => piece.k === 'value' && piece.field === 'bits',
      (piece) => piece.k === 'word' || piece.k === 'name',
    );
    if (bits === undefined || this.#current?.task === 'ptq' || !this.#facts.has('ptq')) return;
    const known = this.#clauses.find(({ task }) => this.#facts.takes(task, 'bits'));
    if (known === undefined) this.#begin('ptq', 'implied', undefined);
  }

  /** "test it", "test gpt2 on squad" — but "imdb test" and "the test set" are splits. */
  #readTest(): void {
    const before = this.#peek(-1);
    const after = this.#peek(1);
    const ends = after === undefined || after.k === 'mark' || (after.k === 'word' && after.w === 'and');
    if (before?.k === 'name' && before.kind === 'dataset' && ends) {
      this.#readValue({ k: 'value', field: 'split', values: ['test'] });
    } else if (this.#facts.has('evaluate')) {
      this.#readTask('evaluate', 'verb');
    }
  }

  #readCheck(): void {
    const data = (piece: Piece) =>
      (piece.k === 'name' && piece.kind === 'dataset') || (piece.k === 'noun' && piece.n === 'dataset');
    const small = (piece: Piece) => piece.k === 'word' && /^(the|a|filler)$/.test(piece.w);
    if (this.#said() === 'get' && this.#ahead(3, data, small) !== undefined) return this.#readLoad();
    this.#reading.cues.add('check');
    const what = (piece: Piece) =>
      (piece.k === 'word' && /^(quality|how_good|base|unquantized)$/.test(piece.w)) ||
      (piece.k === 'value' && piece.field === 'metrics');
    const through = (piece: Piece) => piece.k === 'word' || piece.k === 'name';
    if (this.#ahead(5, what, through) === undefined || !this.#facts.has('evaluate')) return;
    if (this.#current?.task !== 'evaluate') this.#readTask('evaluate', 'verb');
  }

  /** "see how gpt2 does on squad". */
  #readHow(): void {
    const model = (piece: Piece) => piece.k === 'name' && piece.kind === 'model';
    const data = this.#pieces.slice(this.#at).some((piece) => piece.k === 'name' && piece.kind === 'dataset');
    if (!data || this.#ahead(3, model, (piece) => piece.k === 'word') === undefined) return;
    if (this.#current?.task !== 'evaluate' && this.#facts.has('evaluate')) this.#readTask('evaluate', 'verb');
  }

  /** The word itself, in lower case. */
  #said(): string {
    const piece = this.#peek(0);
    return piece !== undefined && 'text' in piece ? (piece.text ?? '').toLowerCase() : '';
  }

  #readVersion(): void {
    const between = [-1, -2, -3].map((offset) => this.#peek(offset));
    const gap = between.findIndex((piece) => piece?.k === 'unknown');
    const recent = (gap < 0 ? between : between.slice(0, gap)).find(
      (piece) => piece?.k === 'value' && piece.field === 'bits',
    );
    const quantizer = this.#clauses.find(({ task }) => this.#facts.takes(task, 'bits'));
    if (recent?.k !== 'value' || !this.#facts.has('ptq')) return;
    if (quantizer === undefined && !this.#inPlan.has('ptq')) {
      const user = this.#current;
      const clause = this.#imply('ptq');
      if (!clause.settings.has('bits')) clause.settings.set('bits', [...recent.values]);
      if (user !== undefined && !this.#facts.makesModel(user.task)) pushNew(user.from, 'after:ptq');
      else this.#current = clause;
    } else if (
      this.#current !== undefined &&
      this.#current !== quantizer &&
      !this.#facts.makesModel(this.#current.task)
    ) {
      pushNew(this.#current.from, 'after:ptq');
    }
  }

  // Names and values

  #readNoun(noun: string): void {
    this.#reading.cues.add(noun);
    this.#current?.cues.add(noun);
    if (noun === 'env' && this.#facts.has('create_env')) this.#readEnvironment();
  }

  /** An environment with its packages; "the environment" that is there already is meant, not made again. */
  #readEnvironment(): void {
    const made = this.#clauses.find(({ task }) => task === 'create_env');
    const lists = this.#ahead(
      3,
      (piece) =>
        piece.k === 'requirement' || piece.k === 'unknown' || (piece.k === 'value' && piece.field === 'python_version'),
      (piece) => piece.k === 'word' || (piece.k === 'mark' && piece.text === ':'),
    );
    if (made !== undefined && lists === undefined) return;
    if (lists === undefined && this.#wordAt(-1) !== 'a' && !this.#isMade()) return;
    const clause = made ?? newClause('create_env', 'noun');
    if (made === undefined) this.#placeEnvironment(clause);
    const python = [-1, -2, -3]
      .map((offset) => this.#peek(offset))
      .find((piece) => piece?.k === 'value' && piece.field === 'python_version');
    if (python?.k === 'value') clause.settings.set('python_version', python.values);
    this.#collectRequirements(clause);
    for (const map of [this.#early.settings]) {
      const version = map.get('python_version');
      if (version !== undefined) clause.settings.set('python_version', version);
      map.delete('python_version');
    }
  }

  #isMade(): boolean {
    return [-1, -2, -3, -4].some((offset) => this.#wordAt(offset) === 'make' || this.#wordAt(offset) === 'also');
  }

  /** An environment that is spoken of within a step's words serves that step and those after it. */
  #placeEnvironment(clause: Clause): void {
    const user = this.#current;
    const within = user !== undefined && !this.#isMade() && this.#clauses.includes(user);
    if (within) this.#clauses.splice(this.#clauses.indexOf(user), 0, clause);
    else {
      this.#clauses.push(clause);
      this.#current = clause;
    }
  }

  #collectRequirements(clause: Clause): void {
    const found = clause.settings.get('requirements') ?? [];
    let at = this.#at + 1;
    for (; at < this.#pieces.length; at++) {
      const piece = this.#pieces[at] as Piece;
      const next = this.#pieces[at + 1];
      const named = packageOf(piece);
      const version = piece.k === 'unknown' ? versionOf(next) : undefined;
      if (version !== undefined) at++;
      if (named !== undefined) found.push(version === undefined ? named : `${named}==${version}`);
      else if (piece.k === 'value' && piece.field === 'python_version') clause.settings.set(piece.field, piece.values);
      else if (!joinsRequirements(piece, next)) break;
    }
    this.#at = at - 1;
    if (found.length > 0) clause.settings.set('requirements', found);
  }

  #readStrayRequirement(text: string): void {
    const clause = this.#clauses.findLast(({ task }) => task === 'create_env');
    if (clause !== undefined)
      clause.settings.set('requirements', [...(clause.settings.get('requirements') ?? []), text]);
    else this.#early.settings.set('requirements', [...(this.#early.settings.get('requirements') ?? []), text]);
  }

  #readName(kind: NameKind, said: string, article: boolean, settled: boolean): void {
    if (this.#reading.rejected.some((other) => other.kind === kind && other.said.toLowerCase() === said.toLowerCase()))
      return;
    // "gpt2, not phi-2" and "phi-2 instead of gpt2" were read at their negation; here only what is wanted comes.
    if (kind === 'model') this.#addModel(said, article, settled);
    else this.#addDataset(said);
  }

  #addModel(said: string, article: boolean, settled: boolean): void {
    const current = this.#current;
    if (current?.task === 'train' && (article || !settled)) current.cues.add('described');
    if (current === undefined || (!this.#facts.takesModel(current.task) && current.task !== 'train')) {
      pushNew(this.#early.models, said);
      return;
    }
    if (current.cues.delete('weak_model')) current.models.pop();
    const corrected = this.#corrects();
    if (corrected && current.models.length > 0) current.models.splice(-1, 1, said);
    else if (this.#beginsElided('model')) this.#beginElided(current).models.push(said);
    else pushNew(current.models, said);
  }

  /** "gpt2, sorry, phi-2": the name before is taken back. */
  #corrects(): boolean {
    return this.#at - this.#correctedAt <= 3 || [-1, -2, -3].some((offset) => this.#wordAt(offset) === 'correct');
  }

  /** "finetune gpt2 on squad and phi-2 on imdb": a second step with its verb left out. */
  #beginsElided(kind: NameKind): boolean {
    const current = this.#current;
    if (current === undefined || kind !== 'model' || current.models.length === 0) return false;
    const last = this.#pieces
      .slice(0, this.#at)
      .findLast(
        (piece) =>
          (piece.k === 'name' && piece.kind === 'model') ||
          (piece.k === 'name' && piece.kind === 'dataset') ||
          piece.k === 'value' ||
          piece.k === 'path',
      );
    const joined = this.#wordAt(-1) === 'and' || this.#peek(-1)?.k === 'mark' || this.#wordAt(-2) === 'and';
    return joined && last !== undefined && !(last.k === 'name' && last.kind === 'model');
  }

  #beginElided(before: Clause): Clause {
    const clause = newClause(before.task, before.form);
    clause.cues.add('beside');
    for (const [input, values] of before.settings) clause.settings.set(input, [...values]);
    clause.cues.add('copied');
    this.#clauses.splice(this.#clauses.indexOf(before) + 1, 0, clause);
    clause.datasets.push(...before.datasets.map(({ name, settings }) => ({ name, settings: new Map(settings) })));
    this.#current = clause;
    return clause;
  }

  #addDataset(said: string): void {
    const target = this.#datasetTarget();
    if (target === undefined) {
      this.#putDataset(this.#early, said);
      return;
    }
    if (this.#corrects() && target.datasets.length > 0) target.datasets.splice(-1, 1);
    // A left-out verb inherits the dataset before it until it gets its own.
    if (target.cues.delete('copied')) target.datasets.length = 0;
    this.#putDataset(target, said);
  }

  #putDataset(clause: Clause, said: string): void {
    // A word that only stood where a name might ("the local file x.json") gives way to one that surely is.
    if (clause.cues.delete('weak_dataset')) clause.datasets.pop();
    const settings = new Map(clause.waiting);
    clause.waiting.clear();
    const known = clause.datasets.find(({ name }) => name === null || name.toLowerCase() === said.toLowerCase());
    if (known !== undefined && settings.size === 0) {
      known.name = said;
      return;
    }
    clause.datasets.push({ name: said, settings });
  }

  /** Where a dataset belongs: to calibration where that is the talk, else to the step being spoken of. */
  #datasetTarget(): Clause | undefined {
    const near = [-4, -3, -2, -1, 1, 2, 3].map((offset) => this.#peek(offset));
    if (near.some((piece) => piece?.k === 'noun' && piece.n === 'calibration')) {
      const quantizer = this.#clauses.findLast(({ task }) => this.#facts.quantizes(task));
      if (quantizer !== undefined) return quantizer;
    }
    const current = this.#current;
    if (current === undefined || !(this.#facts.takesDataset(current.task) || current.task === 'load_dataset'))
      return undefined;
    return current;
  }

  #readPath(text: string): void {
    const noun = this.#nounOf();
    const type = noun === 'model' ? (pathType(text) ?? noun) : (noun ?? pathType(text));
    if (type === undefined && this.#current === undefined && !/^(on|with)$/.test(this.#wordAt(-1) ?? '')) {
      this.#reading.paths.push(text);
      return;
    }
    if (type === 'lora') return this.#giveProvider('load_lora', 'lora_path', text);
    if (type === 'config' && !(this.#current?.task === 'load_dataset'))
      return this.#giveProvider('load_config', 'config_path', text);
    const saysModel = type === 'model' || (type === undefined && this.#isObject());
    if (saysModel) this.#addModel(text, false, true);
    else this.#addDataset(text);
  }

  #nounOf(): string | undefined {
    for (const offset of [-1, -2, -3, -4]) {
      const piece = this.#peek(offset);
      if (piece?.k === 'noun' && /^(lora|config|dataset)$/.test(piece.n)) return piece.n;
      if (piece?.k === 'task' && /^load_/.test(piece.task)) return piece.task.slice('load_'.length);
      if (piece?.k === 'word' && piece.w === 'version') return 'model';
      if (piece?.k !== 'word' || /^(and|then|on|with|use)$/.test(piece.w)) break;
    }
    // "./adapters/warm as initial lora"
    const noun = (piece: Piece) => piece.k === 'noun' && /^(lora|config|dataset)$/.test(piece.n);
    const ahead = this.#ahead(4, noun, (piece) => piece.k === 'word' && /^(to|a|the|filler)$/.test(piece.w));
    const next = ahead === undefined ? undefined : this.#peek(ahead);
    if (next?.k === 'noun') return next.n;
    if (this.#current?.task === 'load_lora' && !this.#current.settings.has('lora_path')) return 'lora';
    if (this.#current?.task === 'load_config' && !this.#current.settings.has('config_path')) return 'config';
    return undefined;
  }

  /** Right behind the verb stands the model: "finetune ./my-model", "quantize acme/base-1". */
  #isObject(): boolean {
    const current = this.#current;
    if (current === undefined || !this.#facts.takesModel(current.task)) return false;
    const before = this.#wordAt(-1);
    if (before === 'on' || before === 'with') return false;
    if (current.models.length === 0) return true;
    const last = this.#pieces
      .slice(0, this.#at)
      .findLast((piece) => piece.k === 'name' || piece.k === 'hub' || piece.k === 'path');
    return before === 'and' && last !== undefined && current.datasets.length === 0;
  }

  #giveProvider(task: string, input: string, value: string): void {
    if (!this.#facts.has(task)) return;
    const current = this.#current;
    const own = current?.task === task ? current : this.#clauses.findLast((clause) => clause.task === task);
    if (own !== undefined && !own.settings.has(input)) {
      own.settings.set(input, [value]);
      return;
    }
    const clause = newClause(task, 'noun');
    clause.settings.set(input, [value]);
    const index = current === undefined ? this.#clauses.length : this.#clauses.indexOf(current);
    this.#clauses.splice(index < 0 ? this.#clauses.length : index, 0, clause);
  }

  #readValue({ field, values }: ValuePiece): void {
    const current = this.#current;
    const clause = this.#valueTarget(field);
    if (clause === undefined) {
      this.#merge(this.#early.settings, field, values);
      return;
    }
    if (clause !== current && current !== undefined && !this.#clauses.includes(clause)) return;
    this.#attach(clause, field, values);
  }

  #valueTarget(field: string): Clause | undefined {
    const current = this.#current;
    if (current !== undefined && this.#accepts(current, field)) return current;
    return (
      this.#clauses.findLast((clause) => this.#facts.takes(clause.task, field)) ??
      this.#clauses.findLast((clause) => this.#accepts(clause, field))
    );
  }

  #accepts(clause: Clause, field: string): boolean {
    if (this.#facts.takes(clause.task, field)) return true;
    return this.#facts.loaderTakes(field) && this.#facts.takesDataset(clause.task);
  }

  #attach(clause: Clause, field: string, values: readonly Scalar[]): boolean {
    if (clause.task === noTask || !this.#accepts(clause, field)) return false;
    const ofLoader =
      this.#facts.loaderTakes(field) && (clause.task === 'load_dataset' || !this.#facts.takes(clause.task, field));
    if (!ofLoader) {
      this.#merge(clause.settings, field, values);
      return true;
    }
    const last = clause.datasets.at(-1);
    const ofNext = this.#wordAt(1) === 'of' || this.#wordAt(1) === 'from' || this.#peek(1)?.k === 'name';
    if (last === undefined || ofNext) this.#merge(clause.waiting, field, values);
    else this.#merge(last.settings, field, values);
    return true;
  }

  /** A second value beside the first fans out; one that comes later, or as a correction, replaces it. */
  #merge(map: Map<string, Scalar[]>, field: string, values: readonly Scalar[]): void {
    const known = map.get(field);
    const joined =
      [-1, -2].some((offset) => /^(and|or)$/.test(this.#wordAt(offset) ?? '')) ||
      (this.#peek(-1)?.k === 'mark' && /^(value|amount)$/.test(this.#peek(-2)?.k ?? ''));
    if (known === undefined || this.#corrects() || !(joined || this.#facts.isList(field))) map.set(field, [...values]);
    else map.set(field, [...new Set([...known, ...values])]);
  }

  /** A number without a unit: 2e-4 is a learning rate, "quantize to 4" speaks of bits. */
  #readAmount(value: number, small: boolean): void {
    const current = this.#current;
    if (small && value < 0.1) {
      this.#readValue({ k: 'value', field: 'learning_rate', values: [value] });
    } else if (current !== undefined && this.#facts.takes(current.task, 'bits') && this.#wordAt(-1) === 'to') {
      this.#attach(current, 'bits', [value]);
    } else {
      this.#reading.amounts.push(value);
    }
  }

  #readUnknown(text: string, quoted: boolean): void {
    this.#reading.unknown.push(text);
    const current = this.#current;
    if (quoted || current === undefined) return;
    const before = this.#wordAt(-1);
    const after = this.#peek(1);
    const isData = after?.k === 'noun' && after.n === 'dataset';
    if (this.#facts.takesDataset(current.task) || current.task === 'load_dataset') {
      const named = before === 'on' || isData || (current.task === 'load_dataset' && /^(load|the)$/.test(before ?? ''));
      if (named && current.datasets.length === 0) {
        this.#putDataset(current, text);
        current.cues.add('weak_dataset');
        return;
      }
    }
    const verb = this.#peek(-1);
    const isObject =
      (verb?.k === 'task' && verb.form !== 'noun') ||
      (before === 'the' && this.#peek(-2)?.k === 'task' && looksLikeName(text));
    if (this.#facts.takesModel(current.task) && isObject && current.models.length === 0) {
      current.models.push(text);
      current.cues.add('weak_model');
    }
  }

  // The end

  #finish(): void {
    this.#impliedByBits();
    this.#clauses.push(...this.#deferred.splice(0));
    for (const clause of this.#clauses) {
      if (clause.waiting.size > 0) clause.datasets.push({ name: null, settings: clause.waiting });
      this.#settleReferences(clause);
      this.#settleTraining(clause);
    }
    this.#placeEarly();
    this.#shareDatasets();
    this.#removeDropped();
    this.#lend();
  }

  /** "phi-2 in 8 bits", and no step named: a quantization. */
  #impliedByBits(): void {
    const { models, settings } = this.#early;
    const none = this.#clauses.length === 0 && this.#deferred.length === 0 && this.#inPlan.size === 0;
    if (none && models.length > 0 && settings.has('bits') && this.#facts.has('ptq'))
      this.#begin('ptq', 'implied', undefined);
  }

  /** "finetune gpt2 for 1 epoch and phi-2 for 2 on imdb": the dataset behind the last serves them all. */
  #shareDatasets(): void {
    this.#clauses.forEach((clause, index) => {
      const next = this.#clauses[index + 1];
      if (next?.cues.has('beside') && next.task === clause.task && clause.datasets.length === 0) {
        clause.datasets.push(...next.datasets);
      }
    });
  }

  #settleReferences(clause: Clause): void {
    if (!this.#facts.takesModel(clause.task)) return;
    const open = clause.models.length === 0 && clause.from.length === 0;
    const several = clause.datasets.length > 1 || [...clause.settings.values()].some((values) => values.length > 1);
    if (open && !this.#facts.makesModel(clause.task) && !several) {
      if (clause.cues.has('both')) clause.from.push('both');
      else if (clause.cues.has('three')) clause.from.push('three');
      else if (clause.cues.has('each') || clause.cues.has('them')) clause.from.push('each');
    }
    if (clause.cues.has('beside')) clause.from.push('beside');
  }

  /** "train gpt2 on squad" is a finetune; only "from scratch", or a model that is described, makes a new one. */
  #settleTraining(clause: Clause): void {
    if (clause.task !== 'train') return;
    const scratch = clause.cues.has('scratch') || this.#reading.cues.has('scratch') || clause.cues.has('described');
    const continues =
      clause.models.length > 0 || clause.cues.has('it') || clause.cues.has('lora') || clause.from.length > 0;
    const architecture = ['hidden_size', 'num_layers', 'num_heads', 'vocab_size'].some((input) =>
      clause.settings.has(input),
    );
    if (!scratch && !architecture && continues && this.#facts.has('finetune')) clause.task = 'finetune';
    else clause.models.length = 0;
  }

  #placeEarly(): void {
    if (this.#clauses.length > 0) {
      // Told before any step, and with no word that says otherwise, it is the data: "use acme/faq to finetune".
      for (const path of this.#reading.paths.splice(0)) this.#putDataset(this.#early, path);
    }
    for (const [field, values] of this.#early.settings) {
      const taker =
        this.#clauses.find((clause) => this.#facts.takes(clause.task, field)) ??
        this.#clauses.find((clause) => this.#accepts(clause, field));
      if (taker === undefined) continue;
      if (!taker.settings.has(field)) this.#attach(taker, field, values);
      this.#early.settings.delete(field);
    }
    const user = this.#clauses.find(
      (clause) => this.#facts.takesModel(clause.task) && clause.models.length === 0 && clause.from.length === 0,
    );
    if (user !== undefined && !this.#asked.has('model_name')) user.models.push(...this.#early.models.splice(0));
    const eater = this.#clauses.find((clause) => this.#facts.takesDataset(clause.task) && clause.datasets.length === 0);
    if (eater !== undefined && !this.#asked.has('dataset_path')) eater.datasets.push(...this.#early.datasets.splice(0));
  }

  #removeDropped(): void {
    const kept = this.#clauses.filter(({ task }) => !this.#reading.dropped.includes(task));
    this.#clauses.splice(0, this.#clauses.length, ...kept);
  }

  /** "finetune and evaluate gpt2 on squad": the object behind the last verb is the first one's. */
  #lend(): void {
    this.#clauses.forEach((clause, index) => {
      const needsModel = this.#facts.takesModel(clause.task) && clause.models.length === 0;
      const madeBefore = this.#clauses
        .slice(0, index)
        .some(({ task, models }) => this.#facts.makesModel(task) || models.length > 0);
      if (!needsModel || madeBefore || this.#inPlan.size > 0) return;
      const lender = this.#clauses.slice(index + 1).find(({ models }) => models.length > 0);
      if (lender === undefined || !this.#mayLend(clause, lender)) return;
      clause.models.push(...lender.models);
      const own = lender.from.some((from) => from !== 'beside');
      if (!own || this.#facts.makesModel(clause.task)) lender.models.length = 0;
      if (
        clause.datasets.length === 0 &&
        this.#facts.takesDataset(clause.task) &&
        !this.#facts.quantizes(clause.task) &&
        !clause.cues.has('told_late')
      ) {
        clause.datasets.push(...lender.datasets);
        if (this.#facts.quantizes(lender.task)) lender.datasets.length = 0;
      }
    });
  }

  #mayLend(clause: Clause, lender: Clause): boolean {
    if (clause.cues.has('told_late') || clause.from.includes('base') || clause.cues.has('it')) return true;
    return clause.models.length === 0 && lender.models.length > 0;
  }
}

/** The package that a piece names; some are words of ours, too. */
function packageOf(piece: Piece | undefined): string | undefined {
  if (piece?.k === 'requirement') return piece.text;
  if (piece?.k === 'unknown') return !piece.quoted && /^[a-z][\w.-]*$/i.test(piece.text) ? piece.text : undefined;
  const text = piece !== undefined && 'text' in piece ? (piece.text ?? '').toLowerCase() : '';
  return /^(peft|bitsandbytes|datasets|hqq|optimum|scikit-learn|awq|gptq)$/.test(text) ? text : undefined;
}

function versionOf(piece: Piece | undefined): string | undefined {
  if (piece?.k === 'amount') return piece.said;
  return piece?.k === 'unknown' && /^v?\d+(\.\d+)*$/.test(piece.text) ? piece.text.replace(/^v/, '') : undefined;
}

function joinsRequirements(piece: Piece, next: Piece | undefined): boolean {
  if (piece.k === 'mark') return /^[,:()'"]$/.test(piece.text);
  if (piece.k !== 'word') return false;
  const listed = packageOf(next) !== undefined || (next?.k === 'value' && next.field === 'python_version');
  if (piece.w === 'and' || piece.w === 'also') return listed;
  return /^(with|for|of|is|it|on|to|filler|the|make)$/.test(piece.w) && next?.k !== 'task' && next?.k !== 'name';
}

function pushNew(list: string[], value: string): void {
  if (!list.some((known) => known.toLowerCase() === value.toLowerCase())) list.push(value);
}

function looksLikeName(text: string): boolean {
  return /[\d_-]|[a-z][A-Z]/.test(text);
}

function pathType(text: string): 'config' | 'model' | 'dataset' | undefined {
  if (/\.(ya?ml|toml)$/i.test(text)) return 'config';
  if (/\.(gguf|safetensors)$/i.test(text)) return 'model';
  if (/^https?:.*\/datasets\//i.test(text)) return 'dataset';
  if (/\.(jsonl?|csv|tsv|parquet|txt)(\.gz)?$/i.test(text)) return 'dataset';
  return undefined;
}
