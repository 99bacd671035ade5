/** @typedef {Node | string | false | undefined} Child */

/**
 * Makes an element. Children that are strings become text nodes: nothing that a message, a log or a file's
 * name holds is ever read as markup. A property with a function listens to that event; `true` is an empty
 * attribute; `false` and `undefined` leave it out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | undefined | ((event: any) => void)>} [properties]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  setProperties(made, properties);
  append(made, children);
  return made;
}

const svgNamespace = 'http://www.w3.org/2000/svg';

/**
 * Makes an SVG element, by the same rules.
 * @param {string} tag
 * @param {Record<string, string | number | boolean | undefined>} [properties]
 * @param {...Child} children
 */
export function svg(tag, properties = {}, ...children) {
  const made = document.createElementNS(svgNamespace, tag);
  setProperties(made, properties);
  append(made, children);
  return made;
}

/** Changes text only where it differs, so that selections and readers are left in peace. */
export function setText(/** @type {Node} */ node, /** @type {string} */ text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} made @param {Record<string, unknown>} properties */
function setProperties(made, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') made.addEventListener(name, /** @type {EventListener} */ (value));
    else if (value !== false && value !== undefined) made.setAttribute(name, value === true ? '' : String(value));
  }
}

/** @param {Element} made @param {Child[]} children */
function append(made, children) {
  for (const child of children) if (child !== false && child !== undefined) made.append(child);
}

/**
 * The page's own element of that id.
 * @template {HTMLElement} [Kind=HTMLElement]
 * @param {string} id
 * @returns {Kind}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no #${id}.`);
  return /** @type {Kind} */ (found);
}
