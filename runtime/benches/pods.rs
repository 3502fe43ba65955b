//! What does one more idle program cost, and how long does it take to start?
//!
//! `cargo bench -p coracle-runtime --bench pods -- [command|http] [COUNT]`. Each figure is the difference of two
//! snapshots of this process, after the first program and after the last, divided by the programs between.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench reports, and fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::{AddressMapping, Config, Group, Instance, Runtime, Spec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[path = "../../xtask/src/guests.rs"]
mod guests;

const COUNT: u32 = 1000;
const REQUESTS: u32 = 5000;

fn main() -> std::process::ExitCode {
    // `cargo bench` adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if words.first().is_some_and(|word| word == "compile") {
        return runtime::compile_main(words.into_iter().skip(1).map(Into::into));
    }
    let count = words.get(1).map_or(COUNT, |word| word.parse().unwrap());
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for kind in ["command", "http"] {
        if words.first().is_none_or(|word| word == kind) {
            executor.block_on(measure(kind, count));
        }
    }
    std::process::ExitCode::SUCCESS
}

async fn measure(kind: &str, count: u32) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = open(dir.path());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    guests::build(root).unwrap();
    let guest = root.join(format!("target/guests/hello-{kind}.wasm"));
    let image = runtime.images().import("bench", &guest).unwrap().id;
    let count = count.min(u32::try_from(runtime.programs_max()).unwrap());

    let mut instances = vec![runtime.start(spec(&image, dir.path(), 0)).await.unwrap()];
    if kind == "http" {
        // The first request pays for code pages.
        assert!(get(&runtime, 1, 0).await.contains("200 OK"));
    }
    settle().await;
    let first = Snapshot::take();
    let mut starts = Vec::new();
    let begin = Instant::now();
    for number in 1..count {
        let start = Instant::now();
        instances.push(runtime.start(spec(&image, dir.path(), number)).await.unwrap());
        starts.push(start.elapsed());
    }
    let wall = begin.elapsed() / count;
    settle().await;
    println!("{kind}, {count} idle programs: {}", first.per_program(&Snapshot::take(), count));
    println!("{kind}, start: {}, wall {wall:?} each", percentiles(&mut starts));
    println!("{kind}, all idle: {:.2} % of a core", idle_cpu_percent().await);
    if kind == "http" {
        measure_requests(&runtime).await;
    }
    stop(instances).await;
}

async fn stop(instances: Vec<Instance>) {
    let begin = Instant::now();
    let count = u32::try_from(instances.len()).unwrap();
    futures::future::join_all(instances.iter().map(|instance| instance.stop(Duration::ZERO))).await;
    println!("stop: {:?} each", begin.elapsed() / count);
    settle().await;
    println!("after: process {:.1} MiB PSS", Snapshot::take().pss / 1024.0);
}

async fn measure_requests(runtime: &Runtime) {
    let address = runtime.host_address(([10, 42, 1, 0], 8080).into());
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut times, mut buffer) = (Vec::new(), vec![0; 4096]);
    let begin = Instant::now();
    for _ in 0..REQUESTS {
        let start = Instant::now();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n").await.unwrap();
        // The head, then the only chunk and the last: the answer ends with an empty chunk.
        let mut filled = 0;
        while !buffer[..filled].ends_with(b"0\r\n\r\n") {
            filled += stream.read(&mut buffer[filled..]).await.unwrap();
        }
        times.push(start.elapsed());
    }
    let rate = f64::from(REQUESTS) / begin.elapsed().as_secs_f64();
    println!("http, an instance per request, one client: {}, {rate:.0}/s", percentiles(&mut times));
}

async fn get(runtime: &Runtime, high: u8, low: u8) -> String {
    let address = runtime.host_address(([10, 42, high, low], 8080).into());
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

fn open(dir: &Path) -> Arc<Runtime> {
    let config = Config {
        data_dir: dir.to_owned(),
        compiler: vec![std::env::current_exe().unwrap().into(), "compile".into()],
        address_mapping: AddressMapping::Twin {
            network: [10, 42, 0, 0].into(),
            prefix_len: 16,
            second: 42,
            shift_low_ports: true,
        },
    };
    Runtime::open(config).unwrap()
}

fn spec(image: &str, dir: &Path, number: u32) -> Spec {
    let [_, _, high, low] = (number + 256).to_be_bytes();
    Spec {
        id: format!("program-{number}"),
        group: Arc::new(Group {
            id: format!("group-{number}"),
            ip: std::net::Ipv4Addr::new(10, 42, high, low).into(),
            namespace: "default".to_owned(),
            hostname: format!("pod-{number}"),
        }),
        image: image.to_owned(),
        args: Vec::new(),
        env: vec![("HOSTNAME".to_owned(), format!("pod-{number}"))],
        mounts: Vec::new(),
        memory_bytes_max: Some(16 << 20),
        cpu_millis_max: Some(500),
        cpu_shares: 2,
        http_port: 8080,
        log_path: Some(dir.join(format!("logs/{number}.log"))),
    }
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

async fn idle_cpu_percent() -> f64 {
    let used = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let (before, begin) = (used(), Instant::now());
    tokio::time::sleep(Duration::from_secs(5)).await;
    (used() - before) * 100.0 / begin.elapsed().as_secs_f64()
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!("p50 {:?} p99 {:?}", at(50), at(99))
}

/// What the kernel says of this process, in KiB.
struct Snapshot {
    pss: f64,
    anonymous: f64,
    page_tables: f64,
    mappings: f64,
}

impl Snapshot {
    fn take() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap();
        let rollup = read("/proc/self/smaps_rollup");
        Self {
            pss: field(&rollup, "Pss:"),
            anonymous: field(&rollup, "Anonymous:"),
            page_tables: field(&read("/proc/self/status"), "VmPTE:"),
            mappings: read("/proc/self/maps").lines().map(|_| 1.0).sum(),
        }
    }

    fn per_program(&self, last: &Self, count: u32) -> String {
        let each = |first: f64, last: f64| (last - first) / f64::from(count - 1);
        format!(
            "PSS {:.1} KiB, anonymous {:.1} KiB, page tables {:.2} KiB, {:.1} mappings each; process {:.1} MiB PSS",
            each(self.pss, last.pss),
            each(self.anonymous, last.anonymous),
            each(self.page_tables, last.page_tables),
            each(self.mappings, last.mappings),
            last.pss / 1024.0,
        )
    }
}

fn field(text: &str, key: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
