/** A config as plain data, which a worker thread can post: a Secret is a class, and no class crosses. */
import type { Config } from './config.js';
import { Secret } from './secret.js';

/** A Secret underway. No mapping of a config has such a key. */
interface SecretUnderway {
  readonly secretUnderway: string;
  readonly isOpenToOthers: boolean;
}

/** What {@link pack} made of a config. It holds the secrets as text: it goes from thread to thread and nowhere else. */
export interface ConfigParcel {
  readonly packed: unknown;
}

export function pack(config: Config): ConfigParcel {
  return { packed: plain(config) };
}

/** The config that was packed, frozen as it was. The parcel is used up. */
export function unpack({ packed }: ConfigParcel): Config {
  // Only pack makes parcels, and only of configs.
  return revived(packed) as Config;
}

function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (value instanceof Secret) {
    const underway: SecretUnderway = { secretUnderway: value.revealText(), isOpenToOthers: value.isOpenToOthers };
    return underway;
  }
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function isUnderway(value: object): value is SecretUnderway {
  return 'secretUnderway' in value;
}

/** In place: what came by post belongs to nobody else. */
function revived(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (isUnderway(value)) return new Secret(value.secretUnderway, value.isOpenToOthers);
  const mapping = value as Record<string, unknown>;
  for (const key of Object.keys(mapping)) {
    const inner = mapping[key];
    if (typeof inner === 'object' && inner !== null) mapping[key] = revived(inner);
  }
  return Object.freeze(mapping);
}
