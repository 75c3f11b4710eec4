//! Ports for the programs of a village: an endpoint is written into a charter, so its port must still be free when the seat
//! starts again, long after it was found free.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use eyre::{Result, bail, eyre};

/// Below the ports that a system hands out by itself, to whoever binds port 0 or connects to somewhere: from 32,768 on Linux,
/// from 49,152 elsewhere. Those are taken by another program any time.
const NEVER_HANDED_OUT: Range<u16> = 10_000..32_768;

/// Ports tried before it is given up.
const TRIES: usize = 1_000;

/// The port that was asked for, where nobody listens on it.
///
/// # Errors
/// Somebody does.
pub fn free(port: u16) -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|_| eyre!("port {port} is taken: give another with --port, or leave it out"))?;
    Ok(port)
}

/// So many ports nobody listens on now, all different; drawn, so that villages side by side do not meet.
///
/// # Errors
/// There are too few.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    // Held until all are found, so that none is found twice.
    let mut held = BTreeMap::new();
    for _ in 0..TRIES + count {
        if held.len() == count {
            return Ok(held.into_keys().collect());
        }
        let port = rand::random_range(NEVER_HANDED_OUT);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.insert(port, listener);
        }
    }
    bail!(
        "found {} free ports from {} to {}, wanted {count}; end programs that listen there",
        held.len(),
        NEVER_HANDED_OUT.start,
        NEVER_HANDED_OUT.end - 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_different_and_never_handed_out() {
        let ports = free_ports(12).unwrap();
        let different: std::collections::BTreeSet<u16> = ports.iter().copied().collect();
        assert_eq!(different.len(), 12);
        assert!(ports.iter().all(|port| NEVER_HANDED_OUT.contains(port)));

        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, ports[0])).unwrap();

        let refused = free(ports[0]).unwrap_err().to_string();
        assert!(refused.contains("is taken"), "{refused}");
        drop(taken);
    }
}
