/** FreeRADIUS between NASes and addrd: as a proxy that waits for addrd's answer, and as a replicator that does not. */
import { startFreeradius, type RunningFreeradius } from './freeradius.js';

export interface RelayOptions {
  /** Where it takes accounting to be proxied, and to be replicated; ports of 127.0.0.1. */
  readonly proxyPort: number;
  readonly replicatePort: number;
  /** The secret of its own clients. */
  readonly secret: string;
  /** addrd's accounting socket on 127.0.0.1. */
  readonly addrd: { readonly port: number; readonly secret: string };
}

/** Starts the relay. It asks addrd with Status-Server whether it is alive again, once an answer was missing. */
export function startFreeradiusRelay(options: RelayOptions): Promise<RunningFreeradius> {
  return startFreeradius((directory) => relayConfiguration(directory, options));
}

function relayConfiguration(directory: string, { proxyPort, replicatePort, secret, addrd }: RelayOptions): string {
  return `
name = addrd-relay
libdir = /usr/lib/freeradius
logdir = ${directory}
run_dir = ${directory}
hostname_lookups = no
max_requests = 16384
max_request_time = 30
cleanup_delay = 2
log {
  destination = stdout
}
security {
  allow_core_dumps = no
  reject_delay = 0
}
proxy_requests = yes
proxy server {
  default_fallback = no
}
thread pool {
  start_servers = 2
  max_servers = 4
  min_spare_servers = 1
  max_spare_servers = 3
}
modules {
  always ok {
    rcode = ok
  }
  replicate {
  }
}
home_server addrd {
  type = acct
  ipaddr = 127.0.0.1
  port = ${String(addrd.port)}
  secret = ${addrd.secret}
  response_window = 2
  response_timeouts = 1
  zombie_period = 40
  revive_interval = 60
  status_check = status-server
  check_interval = 6
  check_timeout = 2
  num_answers_to_alive = 3
}
home_server_pool addrd_pool {
  type = fail-over
  home_server = addrd
}
realm addrd {
  acct_pool = addrd_pool
}
client nases {
  ipaddr = 127.0.0.0/8
  secret = ${secret}
  require_message_authenticator = no
}
server proxying {
  listen {
    type = acct
    ipaddr = 127.0.0.1
    port = ${String(proxyPort)}
    virtual_server = proxying
  }
  preacct {
    update control {
      Proxy-To-Realm := "addrd"
    }
  }
  accounting {
    ok
  }
}
server replicating {
  listen {
    type = acct
    ipaddr = 127.0.0.1
    port = ${String(replicatePort)}
    virtual_server = replicating
  }
  preacct {
    update control {
      Replicate-To-Realm := "addrd"
    }
    replicate
    ok
  }
  accounting {
    ok
  }
}
`;
}
