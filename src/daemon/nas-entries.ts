/** What the entries of `radius.nas` become: clients that are listened to, and where Disconnect- and CoA-Requests go. */
import { ClientTable } from '../protocols/radius/clients.js';
import type { Config, NasConfig } from './config.js';
import type { CoaAccess } from './effects/nas.js';
import { formatAddress } from './lifecycle/address.js';

function coaAccess(nas: NasConfig): CoaAccess | null {
  const { coa } = nas;
  if (coa === null) return null;
  const { port, timeoutMs, retries, messageAuthenticator, suspend, resume } = coa;
  const address = coa.address === null ? null : formatAddress(coa.address);
  return { address, port, secret: coa.secret.reveal(), timeoutMs, retries, messageAuthenticator, suspend, resume };
}

/** Where dynamic authorization goes, by the name of the entry; null where nothing is sent. */
export function coaOf(config: Config): ReadonlyMap<string, CoaAccess | null> {
  return new Map(config.radius.nas.map((nas) => [nas.name, coaAccess(nas)]));
}

/** Who may send, by source address. */
export function clientsOf(config: Config): ClientTable<NasConfig> {
  return new ClientTable(
    config.radius.nas.map((nas) => ({
      name: nas.name,
      prefix: nas.prefix,
      secret: nas.secret.reveal(),
      messageAuthenticator: nas.messageAuthenticator,
      payload: nas,
    })),
  );
}
