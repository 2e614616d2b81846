//! Uses the backend as any other: registered, configured by its name, measured and told of.

use std::error::Error;
use std::io::{self, Write};

use cache_core::SystemClock;
use cache_factory::{Draft, Factory};
use file_backend::{FileBackend, FileOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter("info,cache=debug")
        .init();
    let factory = Factory::new().register("file", |context, options: FileOptions| {
        FileBackend::open(options, context.codec(), SystemClock::shared())
    })?;
    let mut config: Draft = toml::from_str("caches.visits = { backend = 'file', ttl = 'never' }")?;
    let folder = std::env::temp_dir().join("file-backend");
    config.set("caches.visits.options.folder", folder.to_string_lossy().as_ref());

    let caches = factory.open(&factory.read(&config)?).await?;
    let visits = caches.get("visits")?;
    let count = visits.get::<u64>("count").await?.unwrap_or_default() + 1;
    visits.set("count", count).await?;
    writeln!(
        io::stdout(),
        "run {count} of this program, as the cache in {} has it",
        folder.display()
    )?;
    caches.close_all().await?;
    Ok(())
}
