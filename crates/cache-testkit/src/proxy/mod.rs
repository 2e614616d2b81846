//! A proxy that harms the connections to a server.
