//! Puts the parts of the service together, and takes them apart in the right order when it is told to stop.

use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use access_trace::{Trace, TraceError};
use cache_factory::{Config, Factory};
use clap::Parser;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time;
use tracing::{info, warn};

use crate::args::{Args, Command};
use crate::caches::{Caches, life};
use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::generator::{self, Traffic};
use crate::http::{self, App};
use crate::ids::Ids;
use crate::shutdown::{self, Gate, Signals, Stopper};
use crate::source::Source;
use crate::telemetry::Telemetry;
use crate::{banner, healthcheck, logging, settings, usage};

/// How long requests that have begun may take to end once the service is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How long what is asked about the service itself may take to end after that.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Runs the service with the settings of the command line and the environment, until a signal asks it to stop.
pub fn main() -> ExitCode {
    let failure = match Args::try_parse() {
        Ok(args) => match start(args) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => failure,
        },
        Err(asked) if !asked.use_stderr() => {
            // Help or the version. If nobody reads it there is nobody to tell.
            let _ = asked.print();
            return ExitCode::SUCCESS;
        }
        Err(wrong) => Failure::Usage(usage::one_line(&wrong)),
    };
    // Standard error may be closed, which eprintln! would panic about.
    let _ = writeln!(io::stderr(), "using-cache: {}", failure.one_line());
    ExitCode::from(failure.exit_code())
}

fn start(args: Args) -> Result<(), Failure> {
    if let Some(Command::Healthcheck) = args.command {
        return healthcheck::run(args.listen);
    }
    let _log = logging::install(args.log.clone(), args.log_format)?;
    // A wrong configuration is told before anything is made or connected.
    let draft = settings::draft(&args)?;
    // The recorder comes first, so that it hears of everything from the start.
    let telemetry = Telemetry::install()?;
    let factory = Factory::new().metrics(telemetry.caches().clone());
    let config = factory.read(&draft)?;
    // An address in use is told before a long trace is read, and the first output says where to look after it.
    let failed = |error| Failure::Listen(args.listen, error);
    let listener = TcpListener::bind(args.listen).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    // Before the runtime and its signals, so that Ctrl-C ends it meanwhile.
    let trace = read_trace(&args, address)?;
    let runtime = Runtime::new().map_err(|error| Failure::System("cannot start the async runtime", error))?;
    let ended = runtime.block_on(run(args, telemetry, &factory, &config, trace, listener));
    // What was not done in time is not waited for now.
    runtime.shutdown_background();
    ended
}

async fn run(
    args: Args,
    telemetry: Telemetry,
    factory: &Factory,
    config: &Config,
    trace: Option<Trace>,
    listener: TcpListener,
) -> Result<(), Failure> {
    let mut signals =
        Signals::listen().map_err(|error| Failure::System("cannot listen for signals", error))?;
    let failed = |error| Failure::Listen(args.listen, error);
    let address = listener.local_addr().map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;

    banner::starting(address);
    let source = Source::embedded(args.source_delay)?;
    let products = source.len();
    let caches = Caches::open(factory, config).await?;
    warn_of_absent(&caches).await;
    banner::ready(&args, &caches, products, address);
    let catalogue = Arc::new(Catalogue::new(
        source,
        caches,
        life(config, "products").unwrap_or(Duration::MAX),
    ));
    if let Some(trace) = &trace {
        info!("replaying {} accesses of {}", trace.len(), trace.name());
    }

    let (stopper, stop) = shutdown::stop();
    let upkeep = tokio::spawn(telemetry.clone().keep_up());
    let ids = trace.map_or_else(|| Ids::skewed(products), Ids::replayed);
    let traffic = Traffic {
        per_second: args.rate,
        seed: args.seed,
        ids,
    };
    let generator = tokio::spawn(generator::run(traffic, Arc::clone(&catalogue), stop.clone()));
    let gate = Gate::default();
    let app = App {
        catalogue: Arc::clone(&catalogue),
        telemetry,
        stop,
        gate: gate.clone(),
    };
    let (last, end) = shutdown::stop();
    let mut server = tokio::spawn(http::serve(listener, app, end));

    tokio::select! {
        signal = signals.next() => info!("stopping because of {signal}"),
        ended = &mut server => return Err(Failure::Serve(reason(ended))),
    }
    // The metrics are there until the caches have ended, so that a last scrape sees how that went.
    let wind_down = async {
        drain(&stopper, &gate, generator).await;
        let closed = catalogue.caches().close().await;
        end_server(&last, server).await;
        closed
    };
    let closed = tokio::select! {
        closed = wind_down => closed,
        _ = signals.next() => return Err(Failure::Interrupted),
    };
    upkeep.abort();
    let [products, searches] = catalogue.reports();
    info!("stopped; {products}; {searches}");
    Ok(closed?)
}

/// Tells of caches that do not answer yet: the service starts without them, and they recover by themselves.
async fn warn_of_absent(caches: &Caches) {
    for (name, cache) in caches.health().check().await.caches {
        if let Some(down) = cache.error {
            let (kind, message) = (down.kind, down.message);
            warn!(
                cache = name,
                kind, "the service starts without a cache that does not answer: {message}"
            );
        }
    }
}

/// Lets requests that have begun end, and takes no new ones.
async fn drain(stopper: &Stopper, gate: &Gate, mut generator: JoinHandle<()>) {
    stopper.tell();
    let drained = time::timeout(DRAIN, async { tokio::join!(gate.shut(), &mut generator) }).await;
    if drained.is_err() {
        warn!("requests still run after {DRAIN:?} and are cut off");
        generator.abort();
    }
}

/// Takes no more connections, and lets those that have begun end.
async fn end_server(last: &Stopper, mut server: JoinHandle<io::Result<()>>) {
    last.tell();
    if time::timeout(LAST_ANSWERS, &mut server).await.is_err() {
        server.abort();
    }
    info!("no longer listening");
}

/// Reads the trace, if there is one. A setting that would have no effect is an error, not a surprise.
fn read_trace(args: &Args, address: SocketAddr) -> Result<Option<Trace>, Failure> {
    let Some(path) = &args.trace else { return Ok(None) };
    if args.rate == 0 {
        let message =
            "a trace is replayed at the rate, which is 0; give --rate a number above 0 or drop --trace";
        return Err(Failure::Usage(message.to_owned()));
    }
    // A file that is not there is the first thing to say about it, before what its name does not tell.
    File::open(path).map_err(|source| TraceError::Open {
        path: path.clone(),
        source,
    })?;
    banner::reading(path, address);
    let trace = match args.trace_format {
        Some(format) => Trace::open_as(path, format)?,
        None => Trace::open(path)?,
    };
    Ok(Some(trace))
}

/// Says why a server ended that nobody told to.
fn reason(ended: Result<io::Result<()>, tokio::task::JoinError>) -> io::Error {
    match ended {
        Ok(Ok(())) => io::Error::other("the server stopped by itself"),
        Ok(Err(error)) => error,
        Err(error) => io::Error::other(error),
    }
}
