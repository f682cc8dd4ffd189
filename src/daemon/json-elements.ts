/** The elements of a JSON array as they come, each with the line where it begins: of a file that is too large to be held. */

export interface JsonElement {
  readonly line: number;
  /** The text of the element: whether it is JSON, its reader finds out. */
  readonly text: string;
}

/** The file is no JSON array, or an element is longer than one can be. */
export class NoArray extends Error {
  readonly code = 'not-an-array';
  readonly line: number;
  constructor(line: number, why: string) {
    super(why);
    this.name = 'NoArray';
    this.line = line;
  }
}

const BLANK = /\s/;

/**
 * Splits a JSON array (RFC 8259 section 5) into its elements. What stands between brackets of an element is not looked at beyond
 * strings and depth. `longest` is characters.
 * @throws NoArray
 */
export async function* jsonElements(chunks: AsyncIterable<string>, longest: number): AsyncGenerator<JsonElement> {
  let place: 'before' | 'first' | 'element' | 'next' | 'after' = 'before';
  let [line, begun, depth] = [1, 1, 0];
  let text = '';
  let [quoted, escaped] = [false, false];
  for await (const chunk of chunks) {
    for (const character of chunk) {
      if (character === '\n') line++;
      if (place === 'before' || place === 'after') {
        if (BLANK.test(character) || character === '\u{FEFF}') continue;
        if (place === 'after') throw new NoArray(line, 'something stands behind the array');
        if (character !== '[') throw new NoArray(line, 'it does not begin with [: one array of rows is wanted');
        place = 'first';
        continue;
      }
      if (place === 'first' || place === 'next') {
        if (BLANK.test(character)) continue;
        if (character === ']' && place === 'first') {
          place = 'after';
          continue;
        }
        [place, begun, text] = ['element', line, ''];
      }
      if (!quoted && depth === 0 && (character === ',' || character === ']')) {
        yield { line: begun, text };
        place = character === ',' ? 'next' : 'after';
        continue;
      }
      text += character;
      if (text.length > longest) throw new NoArray(begun, `a row is longer than ${String(longest)} characters`);
      if (escaped) escaped = false;
      else if (quoted) {
        if (character === '\\') escaped = true;
        else if (character === '"') quoted = false;
      } else if (character === '"') quoted = true;
      else if (character === '{' || character === '[') depth++;
      else if (character === '}' || character === ']') depth--;
    }
  }
  if (place !== 'after') throw new NoArray(line, 'it ends before its array does');
}
