import { byId, element } from './dom.js';

/**
 * @typedef {{name: string, in: string, required?: boolean, description?: string, schema?: object}} Parameter
 * @typedef {{content?: Record<string, {schema?: object}>}} Content
 * @typedef {{tags?: string[], summary?: string, parameters?: Parameter[], requestBody?: Content, responses: Record<string, Content>}} Operation
 */

const response = await fetch('/openapi.json');
/** @type {{paths: Record<string, Record<string, Operation>>, components?: {schemas?: Record<string, object>}}} */
const api = await response.json();

/** @type {Map<string, HTMLElement[]>} */
const groups = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const tag = operation.tags?.[0] ?? 'other';
    groups.set(tag, [...(groups.get(tag) ?? []), describe(method.toUpperCase(), path, operation)]);
  }
}
for (const [tag, operations] of groups) byId('operations').append(element('h2', {}, tag), ...operations);

/** @param {string} method @param {string} path @param {Operation} operation */
function describe(method, path, { summary = '', parameters = [], requestBody, responses }) {
  const good = Object.entries(responses).find(([status]) => status.startsWith('2'));
  const wrong = Object.keys(responses).filter((status) => !status.startsWith('2'));
  return element(
    'details',
    {},
    element('summary', {}, element('code', {}, `${method} ${path}`), element('span', {}, summary)),
    element(
      'div',
      {},
      ...parameters.map(({ name, in: place, required, description = '' }) =>
        element('p', {}, element('code', {}, name), ` (${place}${required ? ', required' : ''}) ${description}`),
      ),
      ...schemaOf('Body', requestBody),
      ...schemaOf(`Answer ${good?.[0] ?? ''}`, good?.[1]),
      element('p', {}, `Refusals: ${wrong.join(', ')}`),
    ),
  );
}

/** @param {string} title @param {Content | undefined} content */
function schemaOf(title, content) {
  const schema = content?.content?.['application/json']?.schema;
  if (schema === undefined) return [];
  return [element('p', {}, title), element('pre', { tabindex: 0 }, JSON.stringify(resolved(schema), null, 2))];
}

/** The schema with what it refers to. @param {any} schema @returns {object} */
function resolved(schema) {
  const name = /^#\/components\/schemas\/(.+)$/.exec(schema.$ref ?? '')?.[1];
  return (name !== undefined && api.components?.schemas?.[name]) || schema;
}
