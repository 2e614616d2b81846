//! Where the server is: the settings of the builder, checked and made into what makes connections.

#[cfg(feature = "cluster")]
use std::sync::Arc;
use std::time::Duration;

use cache_core::Result;
#[cfg(feature = "sentinel")]
use deadpool_redis::redis::RedisConnectionInfo;
use deadpool_redis::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

#[cfg(feature = "cluster")]
use crate::cluster::Cluster;
use crate::config::RedisBuilder;
use crate::error;
#[cfg(feature = "sentinel")]
use crate::identity::identity;
use crate::identity::with_identity;
use crate::pool::Target;
#[cfg(any(feature = "cluster", feature = "sentinel"))]
use crate::secret::Secret;
#[cfg(feature = "cluster")]
use crate::stored::longest_stored;
#[cfg(feature = "tls")]
use crate::tls::Tls;
#[cfg(all(feature = "tls", feature = "sentinel"))]
use crate::tls::with_tls;
#[cfg(feature = "sentinel")]
use crate::transport;
use crate::transport::Security;

/// Where a server is that was not told elsewhere.
const DEFAULT_HOST: &str = "127.0.0.1";
/// The port of a server that was not told another one.
const DEFAULT_PORT: u16 = 6_379;

/// Makes of the settings what makes connections. Nothing is connected.
pub(crate) fn target(builder: &RedisBuilder) -> Result<Target> {
    if places(builder) > 1 {
        return Err(error::several_places());
    }
    #[cfg(feature = "cluster")]
    if let Some(nodes) = &builder.cluster {
        return cluster(builder, nodes);
    }
    #[cfg(feature = "sentinel")]
    if let Some((master, nodes)) = &builder.sentinel {
        return sentinel(builder, master, nodes);
    }
    if builder.host.as_ref().is_some_and(String::is_empty) {
        return Err(error::empty_host());
    }
    if builder
        .unix_socket
        .as_ref()
        .is_some_and(|path| path.as_os_str().is_empty())
    {
        return Err(error::empty_socket());
    }
    if let Some(url) = &builder.url {
        return node(builder, parse(url.expose())?);
    }
    if let Some(path) = &builder.unix_socket {
        return node(builder, info(ConnectionAddr::Unix(path.clone()))?);
    }
    let host = builder.host.as_deref().unwrap_or(DEFAULT_HOST);
    let port = builder.port.unwrap_or(DEFAULT_PORT);
    node(builder, info(ConnectionAddr::Tcp(host.to_owned(), port))?)
}

/// Counts the settings that say where the server is.
fn places(builder: &RedisBuilder) -> usize {
    let places = [
        builder.url.is_some(),
        builder.host.is_some() || builder.port.is_some(),
        builder.unix_socket.is_some(),
        #[cfg(feature = "cluster")]
        builder.cluster.is_some(),
        #[cfg(feature = "sentinel")]
        builder.sentinel.is_some(),
    ];
    places.into_iter().filter(|set| *set).count()
}

fn info(addr: ConnectionAddr) -> Result<ConnectionInfo> {
    addr.into_connection_info()
        .map_err(|cause| error::bad_client(&cause))
}

/// Takes a URL apart. Errors do not quote it, since it may hold a password.
fn parse(url: &str) -> Result<ConnectionInfo> {
    let info = url.into_connection_info().map_err(|_| error::bad_url())?;
    if let ConnectionAddr::TcpTls { insecure: true, .. } = info.addr() {
        return Err(error::insecure_url());
    }
    Ok(info)
}

fn node(builder: &RedisBuilder, found: ConnectionInfo) -> Result<Target> {
    let info = with_identity(builder, found)?;
    let security = security(builder, info.addr())?;
    Ok(Target::Node(Box::new(info), security))
}

/// Returns how long an attempt to connect may take: to a Cluster it has stages, and one silent node uses up a limit of
/// the client library in each.
pub(crate) fn connect_limit(builder: &RedisBuilder) -> Duration {
    #[cfg(feature = "cluster")]
    if builder.cluster.is_some() {
        return builder.connect_timeout.saturating_mul(2);
    }
    builder.connect_timeout
}

/// Returns what secures the connections to an address, if the settings or the URL ask for it.
#[cfg(feature = "tls")]
fn security(builder: &RedisBuilder, address: &ConnectionAddr) -> Result<Security> {
    let is_secured = matches!(address, ConnectionAddr::TcpTls { .. });
    match builder.tls.clone().or_else(|| is_secured.then(Tls::new)) {
        None => Ok(None),
        Some(_) if matches!(address, ConnectionAddr::Unix(_)) => Err(error::tls_on_a_socket()),
        Some(tls) => Ok(Some(tls.load()?.connector)),
    }
}

#[cfg(not(feature = "tls"))]
#[expect(clippy::unnecessary_wraps, reason = "with TLS it may fail")]
fn security(_: &RedisBuilder, _: &ConnectionAddr) -> Result<Security> {
    Ok(Security)
}

/// Takes the address of a node apart, `host:port` or a URL.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
fn parse_node(node: &str) -> Result<ConnectionInfo> {
    if node.contains("://") {
        return parse(node);
    }
    let (host, port) = node.rsplit_once(':').ok_or_else(error::bad_node)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().map_err(|_| error::bad_node())?;
    if host.is_empty() {
        return Err(error::bad_node());
    }
    info(ConnectionAddr::Tcp(host.to_owned(), port))
}

/// Returns what secures the connections to the nodes of a Cluster: all of them, if the settings or the URL of one ask for it.
#[cfg(all(feature = "cluster", feature = "tls"))]
fn security_of_nodes(builder: &RedisBuilder, nodes: &[ConnectionInfo]) -> Result<Security> {
    let is_secured = |node: &&ConnectionInfo| matches!(node.addr(), ConnectionAddr::TcpTls { .. });
    match nodes.iter().find(is_secured).or(nodes.first()) {
        Some(node) => security(builder, node.addr()),
        None => Ok(None),
    }
}

#[cfg(all(feature = "cluster", not(feature = "tls")))]
#[expect(clippy::unnecessary_wraps, reason = "with TLS it may fail")]
fn security_of_nodes(_: &RedisBuilder, _: &[ConnectionInfo]) -> Result<Security> {
    Ok(Security)
}

/// Returns an address as the client library sees it, which secures nothing: what opens the connections does.
#[cfg(feature = "cluster")]
fn unsecured(address: &ConnectionAddr) -> ConnectionAddr {
    match address.clone() {
        ConnectionAddr::TcpTls { host, port, .. } => ConnectionAddr::Tcp(host, port),
        address => address,
    }
}

#[cfg(feature = "cluster")]
fn cluster(builder: &RedisBuilder, nodes: &[Secret]) -> Result<Target> {
    use deadpool_redis::redis::cluster::ClusterClientBuilder;

    if nodes.is_empty() {
        return Err(error::no_nodes("cluster"));
    }
    let mut infos = Vec::with_capacity(nodes.len());
    for node in nodes {
        let info = with_identity(builder, parse_node(node.expose())?)?;
        if info.redis_settings().db() != 0 {
            return Err(error::db_on_cluster());
        }
        infos.push(info);
    }
    let security = security_of_nodes(builder, &infos)?;
    for info in &mut infos {
        *info = info.clone().set_addr(unsecured(info.addr()));
    }
    // The client library sees whether they have all in common that they should.
    if let Err(cause) = ClusterClientBuilder::new(infos.clone()).build() {
        return Err(error::bad_client(&cause));
    }
    Ok(Target::Cluster(Arc::new(Cluster {
        redis: infos[0].redis_settings().clone(),
        named: infos.into_iter().map(|info| info.addr().clone()).collect(),
        security,
        // The library waits for every node that it knows, and first for those that it was told: one that is silent must not use up
        // the time of all.
        connect_limit: builder.connect_timeout / 2,
        limit: builder.longest_budget(),
        patience: builder.shortest_budget() / 2,
        longest: longest_stored(builder.max_value_len),
        closed: std::sync::atomic::AtomicBool::new(false),
    })))
}

#[cfg(feature = "sentinel")]
fn sentinel(builder: &RedisBuilder, master: &str, nodes: &[Secret]) -> Result<Target> {
    use deadpool_redis::redis::sentinel::{SentinelClientBuilder, SentinelServerType};

    if nodes.is_empty() {
        return Err(error::no_nodes("sentinel"));
    }
    if master.is_empty() {
        return Err(error::no_master_name());
    }
    let addresses = nodes
        .iter()
        .map(|node| sentinel_address(node.expose()))
        .collect::<Result<Vec<_>>>()?;
    #[cfg(feature = "tls")]
    let tls = builder.tls.clone().or_else(|| {
        let is_secured = |address: &ConnectionAddr| matches!(address, ConnectionAddr::TcpTls { .. });
        addresses.iter().any(is_secured).then(Tls::new)
    });
    #[cfg(feature = "tls")]
    let (certificates, security) = match &tls {
        None => (None, None),
        Some(tls) => {
            let trust = tls.load()?;
            (Some(trust.certificates), Some(trust.connector))
        }
    };
    #[cfg(not(feature = "tls"))]
    let security = Security;
    let redis = identity(builder, RedisConnectionInfo::default())?;
    let client = |address: ConnectionAddr| {
        #[cfg(feature = "tls")]
        let address = if tls.is_some() {
            with_tls(address)?
        } else {
            address
        };
        let mut client = SentinelClientBuilder::new([address], master, SentinelServerType::Master)
            .map_err(|cause| error::bad_client(&cause))?
            .set_client_to_redis_tcp_settings(transport::settings())
            .set_client_to_sentinel_tcp_settings(transport::settings())
            .set_client_to_redis_db(redis.db())
            .set_client_to_redis_protocol(redis.protocol());
        if let Some(user) = redis.username() {
            client = client.set_client_to_redis_username(user);
        }
        if let Some(password) = redis.password() {
            client = client.set_client_to_redis_password(password);
        }
        if let Some(user) = &builder.sentinel_user {
            client = client.set_client_to_sentinel_username(user);
        }
        if let Some(password) = &builder.sentinel_password {
            client = client.set_client_to_sentinel_password(password.expose());
        }
        #[cfg(feature = "tls")]
        if let Some(certificates) = &certificates {
            use deadpool_redis::redis::TlsMode;

            client = client
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_certificates(certificates.clone());
        }
        let client = client.build().map_err(|cause| error::bad_client(&cause))?;
        Ok(client.into())
    };
    let clients = addresses.into_iter().map(client).collect::<Result<_>>()?;
    Ok(Target::Sentinel(clients, security))
}

/// Takes the address of a Sentinel apart. What else a URL may say is not for Sentinels, or has a setting of its own.
#[cfg(feature = "sentinel")]
fn sentinel_address(node: &str) -> Result<ConnectionAddr> {
    let info = parse_node(node)?;
    let redis = info.redis_settings();
    if redis.username().is_some() || redis.password().is_some() || redis.db() != 0 {
        return Err(error::identity_of_sentinel());
    }
    Ok(info.addr().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There may be others where one of these is there.
    #[cfg(any(feature = "cluster", feature = "sentinel"))]
    #[test]
    fn a_server_that_nobody_named_is_the_one_of_this_machine() {
        let Target::Node(info, _) = target(&RedisBuilder::default()).unwrap() else {
            unreachable!("it is one server");
        };
        assert_eq!(info.addr(), &ConnectionAddr::Tcp("127.0.0.1".to_owned(), 6_379));
        assert_eq!(info.redis_settings().db(), 0);
        assert_eq!(info.redis_settings().username(), None);
        assert!(info.redis_settings().password().is_none());
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn a_url_with_tls_is_refused_where_there_is_none() {
        let builder = RedisBuilder::default().url("rediss://localhost");
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), cache_core::ErrorKind::InvalidConfig);
        assert!(error.to_string().contains("feature tls"), "{error}");
    }
}
