//! One real seat under load: started, fed over MQTT by devices whose packets were signed beforehand, and weighed.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use eyre::{Result, WrapErr, bail, eyre};
use hearth_keystore::Password;
use hearth_oracle::sense::readings::pack;
use hearth_oracle_core::crypto::{Crypto as _, RealKeys};
use hearth_oracle_core::senml::{Reading, Value};
use hearth_oracle_core::types::{Counter, Kid, Network};
use hearth_oracle_core::verify::envelope;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::load::{Device, Pace};
use super::measure::Measure;
use crate::chain::LONGEST_STEP;
use crate::faults::Founded;
use crate::seats::SeatProgram;
use crate::village::DEVICES;

/// Connections of each device in the load as fast as it goes. The broker takes one packet at a time from each, as it
/// does from a village's devices, of which this polity has only three.
const LANES: u32 = 160;
/// Envelopes of each connection in that load.
const MANY: u32 = 125;
/// Envelopes a connection has on their way at once.
const WINDOW: usize = 16;
/// A village of 1,000 homes with 10 sensors each, every sensor once a minute: so many envelopes a second.
const VILLAGE_PER_SECOND: u32 = 167;
const VILLAGE_SECONDS: u32 = 10;
/// Readings in one pack of the packed load.
const PACKED: usize = 10;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Envelopes a second and acknowledgements.
    Ingest,
    /// Memory and start.
    Memory,
}

/// Founds, starts one seat, and measures it.
pub async fn measure(folder: &Path, wanted: Wanted, mut told: impl FnMut(&str)) -> Result<Vec<Measure>> {
    told("found a village");
    let founded = Founded::make(&folder.join("founded")).await?;
    let (chain, village) = founded.resume(&folder.join("seat")).await?;
    village.point_seat_at(0, chain.url())?;
    village.set(
        0,
        "limits",
        "device_per_second = 100000\nrefused_per_second = 1000",
    )?;
    // Into the first week, so that what devices say belongs to an epoch that runs.
    chain.step_to(chain.now().await? + LONGEST_STEP / 2).await?;

    told("start one seat");
    let client = reqwest::Client::new();
    let mut seat = SeatProgram::at_rest(0);
    seat.start(&village)?;
    let ready = seat.until_ready(&village, &client).await?;
    let id = seat.id().ok_or_else(|| eyre!("the seat has no id"))?;
    tokio::time::sleep(Duration::from_secs(3)).await; // what starting needed and idling does not is given back
    let idle = resident(id, "VmRSS:")?;

    let devices = devices(&village.folder)?;
    let network: Network = founded
        .place()
        .network
        .parse()
        .wrap_err("failed to read the network's name")?;
    let now = chain.now().await?;
    let broker = SocketAddr::from((Ipv4Addr::LOCALHOST, village.ports[0].mqtt));
    let crowd = Crowd {
        devices,
        network,
        now,
        broker,
    };

    told("one signature a reading");
    let single = crowd.rush(1, 1).await?;
    told("ten readings a signature");
    let packed = crowd.rush(2, PACKED).await? * PACKED as f64;
    told("a village's load");
    let before = cpu_seconds(id)?;
    let begun = Instant::now();
    let mut waits = crowd.stroll(3).await?;
    let share = (cpu_seconds(id)? - before) / begun.elapsed().as_secs_f64();
    waits.sort();
    let p99 = waits
        .get(waits.len() * 99 / 100)
        .ok_or_else(|| eyre!("nothing was acknowledged"))?;
    let busy = resident(id, "VmHWM:")?;
    seat.still_running()?;
    seat.stop().await?;

    Ok(match wanted {
        Wanted::Ingest => vec![
            Measure::at_least("ingest.signed_durable_per_s", single, "readings/s", 12_000.0),
            Measure::at_least("ingest.packed_per_s", packed, "readings/s", 60_000.0),
            Measure::at_most("ingest.ack_p99_ms", p99.as_secs_f64() * 1e3, "ms", 50.0),
            Measure::at_most("ingest.village_cpu_share", share, "cores", 0.02),
        ],
        Wanted::Memory => vec![
            Measure::at_most("memory.idle_mib", idle, "MiB", 64.0),
            Measure::at_most("memory.busy_mib", busy, "MiB", 150.0),
            Measure::at_most("start.ready_ms", ready.as_secs_f64() * 1e3, "ms", 1_000.0),
        ],
    })
}

/// The village's devices, as a load.
struct Crowd {
    devices: Vec<[u8; 32]>,
    network: Network,
    now: u64,
    broker: SocketAddr,
}

impl Crowd {
    /// Everything as fast as it goes; envelopes a second from the first packet to the last acknowledgement.
    async fn rush(&self, boot: u32, readings: usize) -> Result<f64> {
        let connected = self.connect(boot, LANES, MANY, readings).await?;
        let begun = Instant::now();
        let waits = send(connected, Pace::Window(WINDOW)).await?;
        Ok(waits.len() as f64 / begun.elapsed().as_secs_f64())
    }

    /// A village's load for some seconds; how long each acknowledgement took.
    async fn stroll(&self, boot: u32) -> Result<Vec<Duration>> {
        let each = VILLAGE_PER_SECOND.div_ceil(u32::try_from(self.devices.len())?);
        let connected = self.connect(boot, 1, each * VILLAGE_SECONDS, 1).await?;
        send(connected, Pace::Every(Duration::from_secs(1) / each)).await
    }

    /// Every device on so many connections, each with so many envelopes of so many readings.
    async fn connect(&self, boot: u32, lanes: u32, count: u32, readings: usize) -> Result<Vec<Device>> {
        let mut connected = Vec::new();
        for secret in &self.devices {
            let kid = Kid::of(&RealKeys.public(secret));
            let said: Vec<Reading> = (0..readings)
                .map(|_| Reading {
                    time: self.now,
                    value: Value::Beat,
                })
                .collect();
            let pack = pack(kid, &said);
            let signed = |sequence| {
                let counter = Counter::new(boot, sequence);
                envelope(
                    secret,
                    self.network,
                    counter,
                    self.now,
                    pack.as_bytes(),
                    &RealKeys,
                )
            };
            let topic = format!("hearth/v1/{}/{kid}/up", self.network);
            for lane in 0..lanes {
                let envelopes: Vec<String> = (lane * count..(lane + 1) * count).map(signed).collect();
                let name = format!("{kid}-{lane}");
                connected.push(Device::connect(self.broker, &name, &topic, &envelopes).await?);
            }
        }
        Ok(connected)
    }
}

async fn send(devices: Vec<Device>, pace: Pace) -> Result<Vec<Duration>> {
    let mut sending = JoinSet::new();
    for device in devices {
        sending.spawn(device.send(pace));
    }
    let mut waits = Vec::new();
    while let Some(sent) = sending.join_next().await {
        waits.extend(sent.wrap_err("a device was cut off")??);
    }
    Ok(waits)
}

fn devices(folder: &Path) -> Result<Vec<[u8; 32]>> {
    let edge = folder.join("edge");
    let password = Password::read(&edge.join("password")).wrap_err("failed to read the devices' password")?;
    DEVICES
        .iter()
        .map(|kind| {
            let key = hearth_keystore::open(&edge.join(format!("{kind}.key.json")), &password);
            Ok(key.wrap_err("failed to open a device's key")?.to_bytes().0)
        })
        .collect()
}

/// Memory of a program in MiB, as the kernel counts it: `VmRSS:` now, `VmHWM:` at its highest.
fn resident(id: u32, which: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))
        .wrap_err("memory is read from /proc, which is not here")?;
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let kib = line
        .and_then(|line| line.split_whitespace().next())
        .and_then(|word| word.parse::<f64>().ok());
    kib.map(|kib| kib / 1_024.0)
        .ok_or_else(|| eyre!("/proc names no {which}"))
}

/// CPU seconds a program has used.
fn cpu_seconds(id: u32) -> Result<f64> {
    const TICKS: f64 = 100.0; // a second, on every Linux since 2.6
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))
        .wrap_err("CPU time is read from /proc, which is not here")?;
    let Some((_, rest)) = stat.rsplit_once(')') else {
        bail!("/proc/{id}/stat is malformed")
    };
    let ticks = |index: usize| {
        rest.split_whitespace()
            .nth(index)
            .and_then(|word| word.parse::<f64>().ok())
    };
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Ok((user + system) / TICKS),
        _ => bail!("/proc/{id}/stat is malformed"),
    }
}
