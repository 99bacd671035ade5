import { element } from './dom.js';

/** @typedef {import('../src/core/reply.ts').QuestionField} QuestionField */

/**
 * A question as a form; what is answered goes out as a message in words, like any other.
 * @param {string} id
 * @param {QuestionField[]} fields
 * @param {(text: string) => void} answer
 */
export function createQuestionForm(id, fields, answer) {
  const inputs = fields.map((field, index) => {
    const twice = fields.filter(({ input }) => input === field.input).length > 1;
    const label = twice ? `${field.label} for ${field.node_id}` : field.label;
    return { field, ...fieldInput({ ...field, label }, `${id}-${index}`) };
  });
  const all = element('fieldset', { class: 'question-fields' }, ...inputs.map(({ root }) => root));
  const button = element('button', { type: 'submit', class: 'button primary' }, 'Answer');
  const form = element('form', { class: 'card question', submit: send }, all, button);

  /** @param {SubmitEvent} event */
  function send(event) {
    event.preventDefault();
    const missing = inputs.find(({ input }) => input.value.trim() === '');
    if (missing !== undefined) return missing.input.focus();
    all.disabled = true;
    button.disabled = true;
    answer(answerText(inputs.map(({ field, input }) => ({ field, value: input.value.trim() }))));
  }

  return {
    root: form,
    /** The answer did not settle it, or something else was said: it can be answered still. */
    wake() {
      all.disabled = false;
      button.disabled = false;
    },
    /** A question that is settled stays as its sentence alone; the answer stands below it. */
    close() {
      form.remove();
    },
  };
}

/**
 * `model_name: builtin:tiny-llama, dataset_path: squad`; with the node where two ask for the same.
 * @param {{field: QuestionField, value: string}[]} answers
 */
function answerText(answers) {
  return answers
    .map(({ field: { node_id, input }, value }) => {
      const twice = answers.filter(({ field }) => field.input === input).length > 1;
      return `${twice ? `${node_id} ` : ''}${input}: ${value}`;
    })
    .join(', ');
}

/** @param {QuestionField} field @param {string} id */
function fieldInput({ label, description, options = [], input: name, default: preset }, id) {
  const input = element('input', {
    id,
    name,
    class: 'text-field',
    type: 'text',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    required: true,
    placeholder: options.length > 0 ? 'or type a name' : 'Type a name',
    value: preset === undefined || preset === null ? undefined : String(preset),
    input: mark,
    ...(description !== undefined && { 'aria-describedby': `${id}-description` }),
  });
  const chips = options.map(({ value, label: word }) => {
    const chip = element('button', { type: 'button', class: 'chip', 'aria-pressed': 'false', title: value }, word);
    chip.addEventListener('click', () => {
      input.value = value;
      mark();
    });
    return { chip, value };
  });

  function mark() {
    for (const { chip, value } of chips) chip.setAttribute('aria-pressed', String(value === input.value.trim()));
  }

  mark();
  const root = element(
    'div',
    { class: 'question-field' },
    element('label', { for: id }, label),
    description !== undefined && element('p', { id: `${id}-description`, class: 'muted' }, description),
    chips.length > 0 &&
      element('div', { class: 'chips', role: 'group', 'aria-label': label }, ...chips.map(({ chip }) => chip)),
    input,
  );
  return { root, input };
}
