/** Text on the terminal: tables that fit, lines that wrap, colours where somebody can see them. */
import Table from 'cli-table3';

export type Colour = 'red' | 'yellow' | 'green' | 'dim' | 'bold';

const CODES: Readonly<Record<Colour, number>> = { red: 31, yellow: 33, green: 32, dim: 2, bold: 1 };

/** A cell, with a colour or without. */
export type Cell = string | { readonly text: string; readonly colour: Colour };

const GAP = 2;
const NARROWEST = 8;
const NO_FRAME = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '' },
};

function textOf(cell: Cell): string {
  // What the network said must not move the cursor.
  return (typeof cell === 'string' ? cell : cell.text).replace(/\p{Cc}/gu, '?');
}

/** Splits at spaces so that the first line has at most `first` columns and the others `width`; a longer word is cut. */
function wrapped(text: string, width: number, first = width): string[] {
  const lines: string[] = [];
  let line = '';
  const room = (): number => (lines.length === 0 ? first : width);
  for (let word of text.split(' ')) {
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

/** Widths that fit into `room`: words are broken only where wrapping between words is not enough. */
function fitted(columns: readonly (readonly string[])[], room: number): number[] {
  const most = (lengths: readonly number[]): number => Math.max(...lengths);
  const widths = columns.map((cells) => most(cells.map((cell) => cell.length)));
  const words = columns.map((cells) => most(cells.flatMap((cell) => cell.split(' ').map((word) => word.length))));
  for (const least of [words, columns.map(() => NARROWEST)]) {
    for (;;) {
      const over = widths.reduce((sum, width) => sum + width, -room);
      const shrinkable = widths.map((width, i) => (width > (least[i] ?? 0) ? width : 0));
      const widest = shrinkable.indexOf(most(shrinkable));
      if (over <= 0) return widths;
      if (shrinkable[widest] === 0) break;
      widths[widest] = (widths[widest] ?? 0) - 1;
    }
  }
  return widths;
}

export class Screen {
  readonly #write: (text: string) => void;
  readonly #width: number;
  readonly #colours: boolean;

  constructor(options: { readonly write: (text: string) => void; readonly width: number; readonly colours: boolean }) {
    this.#write = options.write;
    this.#width = options.width;
    this.#colours = options.colours;
  }

  /** A text in a colour, where there are colours. */
  paint(text: string, colour: Colour): string {
    return this.#colours ? `\u001b[${String(CODES[colour])}m${text}\u001b[0m` : text;
  }

  /** A line; what does not fit goes on below, `hang` columns in. */
  line(text = '', colour: Colour | null = null, hang = 0): void {
    const clean = textOf(text);
    const indent = /^ */.exec(clean)?.[0] ?? '';
    const below = ' '.repeat(Math.max(hang, indent.length));
    const words = clean.slice(indent.length);
    const [first = '', ...rest] = wrapped(words, this.#width - below.length, this.#width - indent.length);
    for (const part of [indent + first, ...rest.map((more) => below + more)]) {
      this.#write(`${colour === null ? part : this.paint(part, colour)}
`);
    }
  }

  heading(text: string): void {
    this.line();
    this.line(text, 'bold');
  }

  json(value: unknown): void {
    this.#write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** One JSON object on a line of its own, for streams. */
  jsonLine(value: unknown): void {
    this.#write(`${JSON.stringify(value)}\n`);
  }

  /** A table without frames; columns that are too wide are wrapped, and nothing is cut off. */
  table(head: readonly string[], rows: readonly (readonly Cell[])[], indent = 0): void {
    const room = this.#width - indent - GAP * (head.length - 1);
    const widths = fitted(
      head.map((title, i) => [title, ...rows.map((row) => textOf(row[i] ?? ''))]),
      room,
    );
    const table = new Table({
      chars: NO_FRAME,
      style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [] },
      colWidths: widths.map((width) => width + GAP),
    });
    const cells = (row: readonly Cell[], colour: Colour | null): string[] =>
      row.map((cell, i) => {
        const chosen = typeof cell === 'string' ? colour : cell.colour;
        const lines = wrapped(textOf(cell), widths[i] ?? NARROWEST);
        return lines.map((line) => (chosen === null ? line : this.paint(line, chosen))).join('\n');
      });
    table.push(cells(head, 'dim'), ...rows.map((row) => cells(row, null)));
    for (const line of table.toString().split('\n')) this.#write(`${' '.repeat(indent)}${line.replace(/ +$/, '')}\n`);
  }
}
