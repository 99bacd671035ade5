/** @typedef {import('../src/core/pipeline.ts').Pipeline} Pipeline */

/**
 * What each node waits for: the sources of its mappings, and what its edges add.
 * @param {Pipeline} pipeline
 * @returns {Map<string, string[]>}
 */
export function dependenciesOf({ nodes, edges = [] }) {
  /** @type {Map<string, Set<string>>} */
  const found = new Map(nodes.map(({ node_id }) => [node_id, new Set()]));
  for (const { node_id, input_mappings = {} } of nodes) {
    for (const output of Object.keys(input_mappings)) found.get(node_id)?.add(sourceOf(output));
  }
  for (const { from, to } of edges) found.get(to)?.add(from);
  return new Map([...found].map(([name, sources]) => [name, [...sources].filter((source) => found.has(source))]));
}

/** `"node.output"` → `node`. @param {string} mapping */
export function sourceOf(mapping) {
  return mapping.slice(0, mapping.lastIndexOf('.'));
}

/**
 * @typedef {{name: string, node: boolean, column: number, x: number, y: number, height: number}} Place
 * A node, or a bend where an edge passes a column. `y` is the middle.
 */

const nodeHeight = 36;
const bendHeight = 10;
const gap = 10;

/**
 * Places nodes in columns, each to the right of what it waits for, and the edges as chains of places.
 * @param {Map<string, string[]>} dependencies
 * @param {number} pitch width of a column with its gap
 * @returns {{places: Map<string, Place>, chains: [string, string][], columns: number, height: number}}
 */
export function layOut(dependencies, pitch) {
  const column = columnsOf(dependencies);
  const { columns, chains } = withBends(dependencies, column);
  untangle(columns, chains);
  /** @type {Map<string, Place>} */
  const places = new Map();
  const heights = columns.map((names) => names.reduce((sum, name) => sum + heightOf(name, dependencies) + gap, -gap));
  const height = Math.max(...heights);
  columns.forEach((names, index) => {
    let y = (height - (heights[index] ?? 0)) / 2;
    for (const name of names) {
      const own = heightOf(name, dependencies);
      places.set(name, {
        name,
        node: dependencies.has(name),
        column: index,
        x: index * pitch,
        y: y + own / 2,
        height: own,
      });
      y += own + gap;
    }
  });
  return { places, chains, columns: columns.length, height };
}

/** @param {string} name @param {Map<string, string[]>} dependencies */
function heightOf(name, dependencies) {
  return dependencies.has(name) ? nodeHeight : bendHeight;
}

/**
 * The longest way to each node; one that waits for nothing stands next to the first that waits for it.
 * @param {Map<string, string[]>} dependencies
 */
function columnsOf(dependencies) {
  /** @type {Map<string, number>} */
  const column = new Map();
  /** @param {string} name @returns {number} */
  const place = (name) => {
    const known = column.get(name);
    if (known !== undefined) return known;
    column.set(name, 0);
    const own = Math.max(-1, ...(dependencies.get(name) ?? []).map(place)) + 1;
    column.set(name, own);
    return own;
  };
  for (const name of dependencies.keys()) place(name);
  for (const [name, sources] of dependencies) {
    if (sources.length > 0) continue;
    const takers = [...dependencies].filter(([, wanted]) => wanted.includes(name)).map(([taker]) => column.get(taker));
    if (takers.length > 0) column.set(name, Math.min(...takers.map((at = 1) => at)) - 1);
  }
  return column;
}

/**
 * Edges over several columns get a bend in each; edges of one source share theirs.
 * @param {Map<string, string[]>} dependencies
 * @param {Map<string, number>} column
 */
function withBends(dependencies, column) {
  /** @type {string[][]} */
  const columns = Array.from({ length: Math.max(...column.values()) + 1 }, () => []);
  for (const name of dependencies.keys()) columns[column.get(name) ?? 0]?.push(name);
  /** @type {Map<string, [string, string]>} */
  const chains = new Map();
  for (const [name, sources] of dependencies) {
    for (const source of sources) {
      let last = source;
      for (let at = (column.get(source) ?? 0) + 1; at < (column.get(name) ?? 0); at++) {
        const bend = `${source}\n${at}`;
        if (!columns[at]?.includes(bend)) columns[at]?.push(bend);
        chains.set(`${last}\n→${bend}`, [last, bend]);
        last = bend;
      }
      chains.set(`${last}\n→${name}`, [last, name]);
    }
  }
  return { columns, chains: [...chains.values()] };
}

const sweeps = 6;

/** Orders each column by the middle of its neighbours, to and fro. @param {string[][]} columns @param {[string, string][]} chains */
function untangle(columns, chains) {
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const forth = sweep % 2 === 0;
    const order = forth ? columns : [...columns].reverse();
    const rank = new Map(columns.flatMap((names) => names.map((name, at) => [name, at - (names.length - 1) / 2])));
    for (const names of order) {
      const wish = new Map(
        names.map((name) => {
          const near = chains.flatMap(([from, to]) =>
            forth ? (to === name ? [from] : []) : from === name ? [to] : [],
          );
          const sum = near.reduce((total, other) => total + (rank.get(other) ?? 0), 0);
          return [name, near.length === 0 ? (rank.get(name) ?? 0) : sum / near.length];
        }),
      );
      names.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0));
      names.forEach((name, at) => {
        rank.set(name, at - (names.length - 1) / 2);
      });
    }
  }
}
