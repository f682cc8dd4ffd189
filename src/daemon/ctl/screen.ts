/** Text on the terminal: tables that fit, lines that wrap, colours where somebody can see them. */
import Table from 'cli-table3';
import { fitted, wrapped, type Fitting } from './columns.js';

export type Colour = 'red' | 'yellow' | 'green' | 'dim' | 'bold';

const CODES: Readonly<Record<Colour, number>> = { red: 31, yellow: 33, green: 32, dim: 2, bold: 1 };

/** A cell, with a colour or without. `short` stands for it where there is little room. */
export type Cell = string | { readonly text: string; readonly colour?: Colour | null; readonly short?: string };

const GAP = 2;
const NO_FRAME = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '' },
};

/** What the network said must not move the cursor. */
function clean(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

function fitting(cell: Cell): Fitting {
  return typeof cell === 'string' ? { text: clean(cell) } : { ...cell, text: clean(cell.text) };
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
    const shown = clean(text);
    const indent = /^ */.exec(shown)?.[0] ?? '';
    const below = ' '.repeat(Math.max(hang, indent.length));
    const words = shown.slice(indent.length);
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

  /**
   * A table without frames; columns that are too wide are wrapped, and nothing is cut off but what has a short form, and the
   * seconds of times where there is no room for them.
   */
  table(head: readonly string[], rows: readonly (readonly Cell[])[], indent = 0): void {
    const room = this.#width - indent - GAP * (head.length - 1);
    const { rows: texts, widths } = fitted(
      [head, ...rows].map((row) => head.map((_, i) => fitting(row[i] ?? ''))),
      room,
    );
    const table = new Table({
      chars: NO_FRAME,
      style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [] },
      colWidths: widths.map((width) => width + GAP),
    });
    const painted = (text: string, i: number, colour: Colour | null): string =>
      wrapped(text, widths[i] ?? 0)
        .map((line) => (colour === null ? line : this.paint(line, colour)))
        .join('\n');
    const colourOf = (cell: Cell = ''): Colour | null => (typeof cell === 'string' ? null : (cell.colour ?? null));
    texts.forEach((row, n) =>
      table.push(row.map((text, i) => painted(text, i, n === 0 ? 'dim' : colourOf(rows[n - 1]?.[i])))),
    );
    for (const line of table.toString().split('\n')) this.#write(`${' '.repeat(indent)}${line.replace(/ +$/, '')}\n`);
  }
}
