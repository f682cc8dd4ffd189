/** What happens in a world besides what happens in all of them. A kind is part of what makes a world, as its seed is. */
export interface Kind {
  /** Somebody suspends and reactivates subscribers. */
  readonly suspends: boolean;
  /** Somebody gives customers other addresses in place of theirs. */
  readonly renumbers: boolean;
  /** It lasts for months: see pace.ts. */
  readonly months: boolean;
  /** Somebody changes the pools while they are in use. */
  readonly plans: boolean;
  /** Some NASes are of another VRF, whose addresses are the same. */
  readonly vrfs: boolean;
  /** Packets tell by Class, circuit id and MAC address who is on a line, and some tell it wrong. */
  readonly identities: boolean;
  /** The clocks of NASes are off, and some are set while they run, or begin in 1970 after a reboot. */
  readonly clocks: boolean;
  /** Some customers have a subnet behind them, which rides on an address of theirs; some NASes tell of their routes. */
  readonly subnets: boolean;
}

export const PLAIN: Kind = {
  suspends: false,
  renumbers: false,
  months: false,
  plans: false,
  vrfs: false,
  identities: false,
  clocks: false,
  subnets: false,
};

/** The kind of the world of a seed where worlds of all kinds are run: each sort of event with each other. */
export function kindOf(seed: number): Kind {
  return {
    suspends: seed % 3 === 0,
    renumbers: seed % 2 === 0,
    months: seed % 16 === 9,
    plans: seed % 5 < 2,
    vrfs: seed % 7 < 3,
    identities: seed % 11 < 5,
    clocks: seed % 13 < 4,
    subnets: seed % 17 > 12,
  };
}

/** The kind that a list of names, with commas, says. @throws RangeError where it names none. */
export function kindNamed(list: string): Kind {
  const names = list === '' ? [] : list.split(',');
  const unknown = names.find((name) => !(name in PLAIN));
  if (unknown !== undefined) throw new RangeError(`${unknown} is none of ${Object.keys(PLAIN).join(', ')}`);
  return { ...PLAIN, ...Object.fromEntries(names.map((name) => [name, true])) };
}

/** As {@link kindNamed} takes it. */
export function kindText(kind: Kind): string {
  return Object.entries(kind)
    .flatMap(([name, on]) => (on === true ? [name] : []))
    .join(',');
}
