/**
 * A little language that drives the core and prints what it decides, for transcripts that a person can read.
 *
 *   +90s                                    time passes, and deadlines that fall due are decided
 *   allocate alice pool=v4 [address=A] [user=U] [reclaim=yes] [vrf=V] [use=U] [nas=N] [parent=ID|A|auto]; pool=any family=F leaves the choice to addrd
 *   update alice [address=OLD] [to=A] [pool=P] [family=F] [when=now|window] [at=D] [deadline=D]   D from now
 *   activate alice | revoke alice [family=F] [address=A] [disconnect=no] [release=no] [force=yes] [by=TOKEN]
 *   identity-add|identity-remove SUBSCRIBER TYPE VALUE
 *   import SUBSCRIBER STATUS ADDRESS [pool=P] [vrf=V] [line=N] [user=U] [circuit=TEXT] [remote=TEXT] [mac=MAC]
 *   suspend alice | reactivate alice [family=F] [coa=no] [disconnect=yes] [by=TOKEN]
 *   start|interim|stop SID [user=U] [ip=A] [v6=A] [wan=P] [pd=P] [route=P,P...] [route6=P,...] [time=SECONDS] [delay=S] [ts=SECONDS] [nas=A]
 *     with circuit=TEXT remote=TEXT mac=MAC class=ASSIGNMENT[/GENERATION[/STORE]]: what else names the subscriber
 *   on | off [nas=A] [delay=S] [ts=SECONDS]  without delay= it has no Acct-Delay-Time
 *   odd [nas=A]                             a packet that says nothing but that its NAS is there
 *     with nid=NAME or nip=A, where the entry trusts it: known by NAS-Identifier or NAS-IP-Address, sent by nas=A
 *   send N                                  the worker takes up effect N
 *   outcome N ATTEMPT ack|nak|nak-CODE|timeout|error-CODE
 *   listen DURATION                         time passes with a heartbeat each five seconds
 *   restored | confirm REASON               the store becomes that of a backup; that is confirmed
 *   freeze REASON | thaw | maintenance NAS DURATION | maintenance-end NAS | approve N | reject N | ack CAUSE@REF
 *   entry NAME                              a reload gives the NASes' config entry another name; no packet has come since
 *   restart DOWNTIME                        addrd was away and listens again
 *
 *   release ADDRESS [vrf=V]                 what a revoke kept reserved is given up
 *   reload POOL; POOL...                    another config, with pools as below
 *
 * A file may begin with pools of its own, instead of those of every test, a line each; and with what its NASes can be told:
 *
 *   # coa: suspend resume garden=TEXT      what the NASes can be told, and the Class of a session in the garden
 *   # pool: NAME FAMILY PREFIX [unit=LENGTH] [kind=K] [use=U] [vrf=V] [quarantine=D]
 *     [nas=ENTRY,...] [sticky=no] [excluded=RANGE,RANGE...] [reserved=RANGE,...]   a RANGE is an address, a prefix or FIRST-LAST
 *     [offer=D] [unknown=adopt|occupy] [intruders=yes]
 *
 * and with what the config says of the NAS:
 *
 *   # nas: [accounting_on=reboot|partial] [interim=none] [v6_absence=gone] [coa=none]
 */
import { formatPrefix, prefixOf, type Family } from '../../src/daemon/lifecycle/address.js';
import type {
  AccountingEvent,
  ConfiguredPool,
  EffectResult,
  LifecycleEvent,
  ParentChoice,
  ShownAddress,
} from '../../src/daemon/lifecycle/events.js';
import type { ImportedIdentity } from '../../src/daemon/lifecycle/import-row.js';
import type { LegacyStatus, RenumberWhen } from '../../src/daemon/lifecycle/order.js';
import { rangeOf, type UnitRange } from '../../src/daemon/lifecycle/ranges.js';
import type { Claim, IdentityType, PoolKind, PoolUse } from '../../src/daemon/lifecycle/records.js';
import type { AccountingOn, NasPolicy, Policy } from '../../src/daemon/lifecycle/policy.js';
import { macAddress } from '../../src/daemon/lifecycle/written-octets.js';
import { encodeClass } from '../../src/daemon/lifecycle/session-class.js';
import { openHouse, policyPools, POOLS, prefix, STORE_ID, type House } from './house.js';

const EPOCH = Date.UTC(2026, 0, 1);
const CLAIMED = [
  ['user', 'username'],
  ['circuit', 'circuit-id'],
  ['remote', 'remote-id'],
  ['mac', 'mac'],
] as const;
const STATUS = { start: 1, stop: 2, interim: 3 } as const;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function milliseconds(text: string): number {
  const match = /^(-?\d+)(ms|s|m|h|d)$/.exec(text);
  if (match === null) throw new SyntaxError(`not a duration: ${text}`);
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? NaN);
}

function parseCommand(line: string): { verb: string; words: string[]; options: Map<string, string> } {
  const [verb = '', ...rest] = line.split(/\s+/);
  const words = rest.filter((word) => !word.includes('='));
  const options = new Map(
    rest
      .filter((word) => word.includes('='))
      .map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  );
  return { verb, words, options };
}

function result(text: string): EffectResult {
  if (text === 'ack') return { result: 'ack' };
  if (text === 'timeout') return { result: 'timeout' };
  if (text.startsWith('error-')) return { result: 'error', code: text.slice(6) };
  const match = /^nak(?:-(\d+))?$/.exec(text);
  if (match === null) throw new SyntaxError(`not an outcome: ${text}`);
  return { result: 'nak', errorCause: match[1] === undefined ? null : Number(match[1]) };
}

/** What a packet claims: `class=ASSIGNMENT[/GENERATION[/STORE]]`, then by the default rules. */
function claimsOf(options: ReadonlyMap<string, string>): Claim[] {
  const encoder = new TextEncoder();
  const claims: Claim[] = [];
  const made = options.get('class')?.split('/').map(Number);
  if (made !== undefined) {
    const [assignment = 0, generation = 1, store = STORE_ID] = made;
    claims.push({ type: 'class', scope: 'tenant', bytes: encodeClass({ store, assignment, generation }) });
  }
  for (const [option, type] of CLAIMED) {
    const text = options.get(option);
    if (text === undefined) continue;
    const bytes = type === 'mac' ? macAddress(encoder.encode(text)) : encoder.encode(text);
    if (bytes !== null) claims.push({ type, scope: 'tenant', bytes });
  }
  return claims;
}

/** The pools that a transcript begins with, or null. */
export function poolsOf(text: string): ConfiguredPool[] | null {
  const lines = [...text.matchAll(/^# pool: (.+)$/gm)].map(([, line = '']) => parseCommand(line));
  return lines.length === 0 ? null : lines.map(poolOf);
}

/** What the NASes of a transcript can be told by CoA, or null. */
export function profilesOf(text: string): NasPolicy['profiles'] | null {
  const line = /^# coa: (.*)$/m.exec(text)?.[1];
  if (line === undefined) return null;
  const { words, options } = parseCommand(`coa ${line}`);
  const garden = options.get('garden');
  const gardenClass = garden === undefined ? null : new TextEncoder().encode(garden);
  return { suspend: words.includes('suspend'), resume: words.includes('resume'), gardenClass };
}

function poolOf({ verb: name, words, options }: ReturnType<typeof parseCommand>): ConfiguredPool {
  const family = words[0] as Family;
  const own = prefix(words[1] ?? '');
  const unitLength = Number(options.get('unit') ?? (family === 'ipv4' ? 32 : 128));
  const ranges = (text: string | undefined): UnitRange[] =>
    (text ?? '').split(',').flatMap((one) => {
      if (one === '') return [];
      const [from = '', to = from] = one.split('-');
      return [{ first: rangeOf(prefix(from), unitLength).first, last: rangeOf(prefix(to), unitLength).last }];
    });
  return {
    tenant: 'default',
    name,
    vrf: options.get('vrf') ?? 'global',
    family,
    use: (options.get('use') as PoolUse | undefined) ?? (family === 'ipv6-pd' ? 'delegated' : 'address'),
    kind: (options.get('kind') as PoolKind | undefined) ?? 'static',
    prefix: own,
    unitLength,
    quarantineMs: milliseconds(options.get('quarantine') ?? '60s'),
    nas: options.get('nas')?.split(',') ?? [],
    sticky: options.get('sticky') !== 'no',
    excluded: ranges(options.get('excluded')),
    reserved: ranges(options.get('reserved')),
    offerTimeoutMs: milliseconds(options.get('offer') ?? '120s'),
    ...(options.has('unknown') ? { unknownSubscriber: options.get('unknown') as 'adopt' | 'occupy' } : {}),
    ...(options.has('intruders') ? { disconnectIntruders: true } : {}),
  };
}

function parentOf(text: string | undefined): ParentChoice | null {
  if (text === undefined) return null;
  if (text === 'auto') return { by: 'subscriber' };
  return /^\d+$/.test(text) ? { by: 'id', id: Number(text) } : { by: 'prefix', prefix: prefix(text) };
}

/** What a transcript says of its NAS. */
export function nasOf(text: string): Partial<NasPolicy> {
  const { options } = parseCommand(`nas ${/^# nas: (.+)$/m.exec(text)?.[1] ?? ''}`);
  const accountingOn = options.get('accounting_on') as AccountingOn | undefined;
  return {
    ...(accountingOn === undefined ? {} : { accountingOn }),
    ...(options.get('interim') === 'none' ? { interim: 'none' } : {}),
    ...(options.get('v6_absence') === 'gone' ? { v6Absence: 'gone' } : {}),
    ...(options.get('coa') === 'none' ? { coa: false } : {}),
  };
}

export class Transcript {
  readonly #house: House;
  #pools: readonly ConfiguredPool[];
  #now = EPOCH;
  #journal = 0;
  #entry = 'bras';

  private constructor(house: House, pools: readonly ConfiguredPool[]) {
    this.#house = house;
    this.#pools = pools;
  }

  static async open(
    knobs: Partial<Policy> = {},
    pools: readonly ConfiguredPool[] = POOLS,
    nas: Partial<NasPolicy> = {},
  ): Promise<Transcript> {
    const transcript = new Transcript(await openHouse(EPOCH, knobs, { pools, nas }), pools);
    transcript.#news();
    return transcript;
  }

  /** Runs one command and returns the lines that it caused. */
  async run(line: string): Promise<string> {
    if (line.startsWith('+')) return await this.#pass(milliseconds(line.slice(1)));
    if (line.startsWith('listen ')) return await this.#listen(milliseconds(line.slice(7)));
    if (line.startsWith('entry ')) return this.#rename(line.slice(6));
    const event = this.#event(line);
    const [settlement] = await this.#house.say(event);
    if (settlement === undefined) throw new SyntaxError('nothing was settled');
    if (event.kind === 'config-loaded' && settlement.verdict === 'applied') {
      this.#pools = event.pools;
      this.#house.policy = { ...this.#house.policy, pools: policyPools(this.#house.pending, event.pools) };
    }
    const { verdict, code, detail, reply } = settlement;
    const told = [verdict, code, detail].filter((part) => part !== null).join(', ');
    const answer = event.kind === 'effect-started' && reply !== null ? [`  reply ${JSON.stringify(reply)}`] : [];
    return [told, ...answer, ...this.#news()].join('\n');
  }

  #rename(entry: string): string {
    const { policy } = this.#house;
    const renamed = Array.from(policy.nas.values(), (nas) => [entry, { ...nas, name: entry }] as const);
    this.#house.policy = { ...policy, nas: new Map(renamed) };
    this.#entry = entry;
    return `the NASes are of entry ${entry}`;
  }

  /** As time passes in a daemon that is alive: a heartbeat each five seconds. */
  async #listen(ms: number): Promise<string> {
    const lines: string[] = [];
    for (const end = this.#now + ms; this.#now < end;) {
      const due = await this.#pass(5_000);
      if (due !== 'nothing falls due') lines.push(due);
      await this.#house.say({ kind: 'heartbeat', receivedAt: this.#now });
      const news = this.#news();
      if (news.length > 0) lines.push(`heartbeat at ${String((this.#now - EPOCH) / 1000)}s`, ...news);
    }
    return lines.length === 0 ? 'nothing happens' : lines.join('\n');
  }

  async #pass(ms: number): Promise<string> {
    const lines: string[] = [];
    const end = this.#now + ms;
    for (;;) {
      const next = this.#house.pending.nextDue();
      if (next === null || next > end) break;
      this.#now = Math.max(this.#now, next);
      for (const { kind, ref } of this.#house.pending.due(this.#now, 500)) {
        const [settled] = await this.#house.say({ kind: 'deadline', what: kind, ref, receivedAt: this.#now });
        const elapsed = (this.#now - EPOCH) / 1000;
        lines.push(`${kind} is due at ${String(elapsed)}s: ${settled?.verdict ?? ''}`, ...this.#news());
      }
    }
    this.#now = end;
    return lines.length === 0 ? 'nothing falls due' : lines.join('\n');
  }

  #event(line: string): LifecycleEvent {
    const { verb, words, options } = parseCommand(line);
    const receivedAt = this.#now;
    const common = { tenant: 'default', actor: options.get('by') ?? 'noc', receivedAt };
    const [subject = ''] = words;
    switch (verb) {
      case 'allocate': {
        const pool = options.get('pool') ?? 'v4';
        const requested = options.get('address');
        const username = options.get('user') ?? null;
        return {
          ...common,
          kind: 'allocate',
          subscriber: subject,
          family:
            (options.get('family') as Family | undefined) ??
            this.#pools.find(({ name }) => name === pool)?.family ??
            'ipv4',
          pool: pool === 'any' ? null : pool,
          vrf: options.get('vrf') ?? null,
          use: (options.get('use') as PoolUse | undefined) ?? null,
          nas: options.get('nas') ?? null,
          requested: requested === undefined ? null : prefix(requested),
          username,
          usernameBytes: username === null ? null : new TextEncoder().encode(username),
          metadata: null,
          reclaim: options.get('reclaim') === 'yes',
          parent: parentOf(options.get('parent')),
        };
      }
      case 'activate':
      case 'revoke': {
        const selection = {
          subscriber: subject,
          family: (options.get('family') ?? null) as Family | null,
          prefix: options.has('address') ? prefix(options.get('address') ?? '') : null,
        };
        if (verb === 'activate') return { ...common, ...selection, kind: 'activate' };
        const sendDisconnect = options.get('disconnect') !== 'no';
        const releaseToPool = options.get('release') !== 'no';
        const force = options.get('force') === 'yes';
        return { ...common, ...selection, kind: 'revoke', reason: 'left', sendDisconnect, releaseToPool, force };
      }
      case 'update': {
        const [old, to] = [options.get('address'), options.get('to')];
        const later = (name: string): number | null => {
          const given = options.get(name);
          return given === undefined ? null : receivedAt + milliseconds(given);
        };
        return {
          ...common,
          kind: 'renumber',
          subscriber: subject,
          family: (options.get('family') ?? 'ipv4') as Family,
          prefix: old === undefined ? null : prefix(old),
          to: to === undefined ? null : prefix(to),
          pool: options.get('pool') ?? null,
          when: (options.get('when') ?? 'next_session') as RenumberWhen,
          at: later('at'),
          deadline: later('deadline'),
          reason: 'moved',
        };
      }
      case 'identity-add':
      case 'identity-remove': {
        const [, type, ...value] = words;
        const kind = verb === 'identity-add' ? 'identity-put' : 'identity-drop';
        const octets = new TextEncoder().encode(value.join(' '));
        const bytes = type === 'mac' ? (macAddress(octets) ?? octets) : octets;
        return { ...common, kind, subscriber: subject, type: type as IdentityType, scope: 'tenant', bytes };
      }
      case 'import': {
        const [, status, address = ''] = words;
        return {
          ...common,
          kind: 'import-row',
          subscriber: subject,
          status: status as LegacyStatus,
          prefix: prefix(address),
          pool: options.get('pool') ?? null,
          vrf: options.get('vrf') ?? null,
          identities: claimsOf(options).filter((claim): claim is ImportedIdentity => claim.type !== 'class'),
          metadata: null,
          line: options.has('line') ? Number(options.get('line')) : null,
        };
      }
      case 'suspend':
      case 'reactivate': {
        const family = (options.get('family') ?? null) as Family | null;
        const sendCoa = options.get('coa') !== 'no';
        const sendDisconnect = options.get('disconnect') === 'yes';
        return { ...common, kind: verb, subscriber: subject, family, reason: 'unpaid', sendCoa, sendDisconnect };
      }
      case 'start':
      case 'interim':
      case 'stop':
        return this.#accounting(verb, subject, options);
      case 'on':
      case 'off': {
        const at = receivedAt - Number(options.get('delay') ?? 0) * 1e3;
        const eventTimestamp = options.has('ts') ? Number(options.get('ts')) : null;
        const mayHaveWaited = !options.has('delay');
        const kind = verb === 'on' ? 'nas-on' : 'nas-off';
        return { kind, ...this.#nas(options), receivedAt, at, eventTimestamp, mayHaveWaited };
      }
      case 'odd':
        return { kind: 'acct-odd', ...this.#nas(options), reason: 'status-type-9', receivedAt };
      case 'send':
        return { kind: 'effect-started', outbox: Number(subject), receivedAt };
      case 'outcome': {
        const [, attempt = '', outcome = ''] = words;
        const jitter = 0;
        return {
          kind: 'effect-outcome',
          outbox: Number(subject),
          attempt: Number(attempt),
          outcome: result(outcome),
          jitter,
          receivedAt,
        };
      }
      case 'freeze':
        return { ...common, kind: 'freeze', reason: words.join(' ') };
      case 'thaw':
        return { ...common, kind: 'thaw', reason: null };
      case 'restored':
        return { ...common, kind: 'restored', name: 'night.db', storeId: STORE_ID + 1 };
      case 'confirm':
        return { ...common, kind: 'restore-confirm', reason: words.join(' ') };
      case 'maintenance': {
        const until = this.#now + milliseconds(words[1] ?? '');
        return { ...common, kind: 'maintenance', nas: subject, until, reason: 'firmware' };
      }
      case 'maintenance-end':
        return { ...common, kind: 'maintenance-end', nas: subject };
      case 'approve':
      case 'reject':
        return { ...common, kind: verb, batch: Number(subject), reason: null };
      case 'ack':
        return { ...common, kind: 'acknowledge', alarm: subject };
      case 'reload': {
        const pools = line
          .slice(verb.length)
          .split(';')
          .map((one) => poolOf(parseCommand(one.trim())));
        return { kind: 'config-loaded', tenant: 'default', pools, changed: ['pools'], receivedAt };
      }
      case 'release':
        return { ...common, kind: 'pool-release', prefix: prefix(subject), vrf: options.get('vrf') ?? null };
      case 'heartbeat':
        return { kind: 'heartbeat', receivedAt };
      case 'restart':
        this.#now += milliseconds(subject);
        return { kind: 'daemon-started', tenant: 'default', pools: this.#pools, receivedAt: this.#now };
      default:
        throw new SyntaxError(`unknown command: ${line}`);
    }
  }

  #nas(options: ReadonlyMap<string, string>) {
    const source = prefix(options.get('nas') ?? '192.0.2.1').bytes;
    const [nid, nip] = [options.get('nid'), options.get('nip')];
    if (nid !== undefined) {
      const nas = { tenant: 'default', kind: 'nas-identifier' as const, bytes: new TextEncoder().encode(nid) };
      return { nas, entry: this.#entry, source };
    }
    if (nip !== undefined) {
      const address = prefix(nip).bytes;
      const nas = { tenant: 'default', kind: 'nas-ip-address' as const, bytes: address };
      return { nas, entry: this.#entry, source, address };
    }
    return { nas: { tenant: 'default', kind: 'source-address' as const, bytes: source }, entry: this.#entry, source };
  }

  #accounting(verb: 'start' | 'interim' | 'stop', sid: string, options: ReadonlyMap<string, string>): AccountingEvent {
    const addresses: ShownAddress[] = [];
    const show = (name: string, attribute: ShownAddress['attribute']): void => {
      for (const text of options.get(name)?.split(',') ?? []) {
        addresses.push({ attribute, prefix: prefixOf(prefix(text).bytes, prefix(text).length) });
      }
    };
    show('ip', 'Framed-IP-Address');
    show('v6', 'Framed-IPv6-Address');
    show('wan', 'Framed-IPv6-Prefix');
    show('pd', 'Delegated-IPv6-Prefix');
    show('route', 'Framed-Route');
    show('route6', 'Framed-IPv6-Route');
    const user = options.get('user');
    const shownClass = options.get('class');
    const ts = options.get('ts');
    const seconds = options.get('time');
    const octets = Number(seconds ?? 0) * 10;
    return {
      ...this.#nas(options),
      kind: `acct-${verb}`,
      receivedAt: this.#now,
      at: this.#now - Number(options.get('delay') ?? 0) * 1000,
      sid: new TextEncoder().encode(sid),
      status: STATUS[verb],
      seconds: seconds === undefined ? null : Number(seconds),
      inputOctets: octets,
      outputOctets: octets,
      inputPackets: 0,
      outputPackets: 0,
      eventTimestamp: ts === undefined ? null : Number(ts),
      username: user === undefined ? null : new TextEncoder().encode(user),
      claims: claimsOf(options),
      terminateCause: verb === 'stop' ? 1 : null,
      addresses,
      ...(shownClass === undefined ? {} : { class: [new TextEncoder().encode(shownClass)] }),
    };
  }

  /** The journal lines since the last look. */
  #news(): string[] {
    const rows = this.#house.db
      .prepare('SELECT id, kind, net, plen, from_state, to_state, code, detail FROM journal WHERE id > ? ORDER BY id')
      .all(this.#journal) as JournalRow[];
    return rows.map(({ id, kind, net, plen, from_state, to_state, code, detail }) => {
      this.#journal = id;
      const what = net === null ? '' : ` ${formatPrefix({ bytes: net, length: plen ?? 0 })}`;
      const move = to_state === null ? '' : ` ${from_state ?? ''} -> ${to_state}`;
      return `  ${kind}${what}${move}${code === null ? '' : ` [${code}]`}${detail === null ? '' : ` ${detail}`}`;
    });
  }
}

interface JournalRow {
  readonly id: number;
  readonly kind: string;
  readonly net: Uint8Array | null;
  readonly plen: number | null;
  readonly from_state: string | null;
  readonly to_state: string | null;
  readonly code: string | null;
  readonly detail: string | null;
}
