// The server's own pages about link relations.

let pages;

/** The address of each relation's page by the relation, asked for once; nothing where there is no documentation. */
export const relationPages = () => (pages ??= ask());

async function ask() {
  try {
    const response = await fetch('/docs/rels.json', { credentials: 'omit' });
    return response.ok ? await response.json() : {};
  } catch {
    pages = undefined;
    return {};
  }
}
