/** What fits into a line of the terminal: words that wrap, and columns that share the room. */

/** No column of text gets narrower than this. */
const NARROWEST = 8;

const TIME = /^(\d{4}-\d\d-\d\d) \d\d:\d\d:\d\dZ$/;
/** Of a time: what is left of it where the date, or its year, was told, or is told elsewhere. */
const BRIEF = /^((?:(?:\d{4}-)?\d\d-\d\d )?\d\d:\d\d)(?::\d\d)?Z$/;
const PART = /^((\d{4}-)?\d\d-\d\d|\d\d:\d\d(:\d\d)?Z[:;,]?)$/;
/** A number, an address or prefix of IPv4, perhaps with a sign and a unit. */
const NUMBER = /^[+-]?\d[\d./]*(e\d+)?( (%|s|[kMGTP]?B))?$/;
/** A longer one is a name that has no letters. */
const LONGEST_NUMBER = 20;
/** The spaces at which a line may end: not the one within a time, and not the one between a number and its unit. */
const SPACE = /(?<!\d\d-\d\d(?= \d\d:\d\d)) (?!(?<=\d )(?:%|s|[kMGTP]?B)(?: |$))/;

/** Splits at spaces so that the first line has at most `first` columns and the others `width`; a longer word is cut. */
export function wrapped(text: string, width: number, first = width): string[] {
  const lines: string[] = [];
  let line = '';
  const room = (): number => (lines.length === 0 ? first : width);
  const words = text.split(SPACE).flatMap((word) => (word.length > Math.min(first, width) ? word.split(' ') : [word]));
  for (let word of words) {
    if (line !== '' && line.length + 1 + word.length > room()) {
      lines.push(line);
      line = '';
    }
    while (word.length > room()) {
      const cut = room();
      lines.push(word.slice(0, cut));
      word = word.slice(cut);
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** A cell: as it is, and what may stand for it where there is little room. */
export interface Fitting {
  readonly text: string;
  readonly short?: string | undefined;
}

type Rows = readonly (readonly string[])[];

/** A row in which a date that was told before is not told again, and what has a short form is short. */
function shortened(row: readonly Fitting[]): string[] {
  let told = '';
  return row.map(({ text, short }) => {
    const date = TIME.exec(text)?.[1];
    if (date === undefined) return short ?? text;
    const again = date === told;
    told = date;
    return again ? text.slice(date.length + 1) : text;
  });
}

/** Times without their year, where all of a table are of one. */
function withoutYear(rows: Rows): string[][] {
  const years = new Set(rows.flat().flatMap((text) => (TIME.test(text) ? [text.slice(0, 5)] : [])));
  return rows.map((row) => row.map((text) => (years.size === 1 && TIME.test(text) ? text.slice(5) : text)));
}

function withoutSeconds(rows: Rows): string[][] {
  return rows.map((row) => row.map((text) => text.replace(BRIEF, '$1Z')));
}

function most(lengths: readonly number[]): number {
  return Math.max(...lengths);
}

/** How wide a word of a cell has to be. */
type Least = (word: string, isHead: boolean) => number;

const uncut: Least = (word) => word.length;

/** Numbers, times and heads are not cut. */
const wholeOnly: Least = (word, isHead) => {
  const bare = word.replace(/[:;,]$/, '');
  const isWhole = isHead || BRIEF.test(bare) || (NUMBER.test(bare) && bare.length <= LONGEST_NUMBER);
  return isWhole ? word.length : Math.min(word.length, NARROWEST);
};

/** The same where a time may go on below its date. */
const partsOnly: Least = (word, isHead) =>
  most(word.split(' ').map((part) => (PART.test(part) ? part.length : wholeOnly(part, isHead))));

const cut: Least = (word) => Math.min(word.length, NARROWEST);

function columnsOf(rows: Rows): string[][] {
  return (rows[0] ?? []).map((_, i) => rows.map((row) => row[i] ?? ''));
}

function leastWidths(rows: Rows, least: Least): number[] {
  return columnsOf(rows).map((cells) =>
    most(cells.flatMap((cell, i) => cell.split(SPACE).map((word) => least(word, i === 0)))),
  );
}

/** Widths with the widest columns made narrower until all fit into `room`, or null where that would take more than `least`. */
function narrowed(rows: Rows, least: Least, room: number): number[] | null {
  const widths = columnsOf(rows).map((cells) => most(cells.map((cell) => cell.length)));
  const leasts = leastWidths(rows, least);
  for (;;) {
    if (widths.reduce((sum, width) => sum + width, 0) <= room) return widths;
    const shrinkable = widths.map((width, i) => (width > (leasts[i] ?? 0) ? width : 0));
    const widest = shrinkable.indexOf(most(shrinkable));
    if ((shrinkable[widest] ?? 0) === 0) return null;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

/**
 * The texts of a table, of which the first row is the head, and the widths at which they fit into `room`. What is given up,
 * in this order: lines that need not wrap between words; dates that are told already in a row, and what has a short form;
 * words that are not cut; the year, where it is the same in all rows; the seconds; times in one line (then their
 * seconds); whole numbers.
 */
export function fitted(rows: readonly (readonly Fitting[])[], room: number): { rows: Rows; widths: readonly number[] } {
  const plain = rows.map((row) => row.map(({ text }) => text));
  const short = rows.map(shortened);
  const days = withoutYear(short);
  const minutes = withoutSeconds(days);
  const tries = [
    [plain, uncut],
    [short, uncut],
    [short, wholeOnly],
    [days, wholeOnly],
    [minutes, wholeOnly],
    [short, partsOnly],
    [minutes, partsOnly],
    [minutes, cut],
  ] as const;
  for (const [texts, least] of tries) {
    const widths = narrowed(texts, least, room);
    if (widths !== null) return { rows: texts, widths };
  }
  // Even so there is no room: it is as narrow as it gets.
  return { rows: minutes, widths: leastWidths(minutes, cut) };
}
