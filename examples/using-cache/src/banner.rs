//! The first output: what runs, and where to look. It comes before all that may take a while: a long trace, and caches whose
//! server does not answer.

use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::args::Args;
use crate::caches::Caches;

/// Which product the example asks for: one so rarely wanted that the first call is most likely a miss.
const EXAMPLE: u64 = 4_242;

/// Says that a trace is being read, which can take longer than somebody likes to look at nothing, and where the service will be.
pub(crate) fn reading(trace: &Path, address: SocketAddr) {
    say(format_args!(
        "using-cache {} will be at http://{} and reads the trace {}",
        env!("CARGO_PKG_VERSION"),
        reachable(address),
        trace.display()
    ));
}

/// Says where the service will be, before its caches are opened: those that are required may keep it waiting.
pub(crate) fn starting(address: SocketAddr) {
    say(format_args!(
        "using-cache {} starts at http://{} and opens its caches",
        env!("CARGO_PKG_VERSION"),
        reachable(address)
    ));
}

pub(crate) fn ready(args: &Args, caches: &Caches, products: usize, address: SocketAddr) {
    let url = format!("http://{}", reachable(address));
    let backend = caches.products.backend_kind();
    let limit = match caches.products.stats().max_items {
        Some(items) => format!("up to {items} of them "),
        None => String::new(),
    };
    say(format_args!(
        "using-cache {version} serves {products} products, caches {limit}in {backend}, and makes {rate} requests/s \
         itself\n  \
         overview  {url}/\n  \
         metrics   {url}/metrics\n  \
         health    {url}/health\n  \
         try       curl -i {url}/products/{EXAMPLE}   (twice: x-cache is miss, then hit)\n  \
         stop      Ctrl-C",
        version = env!("CARGO_PKG_VERSION"),
        rate = args.rate,
    ));
}

/// Returns an address that can be called from this machine: nobody can connect to "all interfaces".
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(all) if all.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, all.port()).into(),
        SocketAddr::V6(all) if all.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, all.port()).into(),
        one => one,
    }
}

fn say(text: fmt::Arguments<'_>) {
    // Nobody may be reading, as behind `| head -1`; the service goes on, where println! would panic.
    let _ = writeln!(io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_interfaces_are_reached_through_loopback() {
        assert_eq!(reachable(([0, 0, 0, 0], 80).into()), ([127, 0, 0, 1], 80).into());
        assert_eq!(reachable("[::]:80".parse().unwrap()), "[::1]:80".parse().unwrap());
        assert_eq!(reachable(([10, 0, 0, 1], 80).into()), ([10, 0, 0, 1], 80).into());
    }
}
