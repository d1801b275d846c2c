//! Sockets: opened before anything else, closed when the program is asked to stop.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::args::Listen;

/// Opens what was asked for, or says what stands in the way.
pub(crate) async fn bind(listen: Listen) -> Result<Vec<TcpListener>, String> {
    let mut listeners = Vec::new();
    for address in listen.addresses() {
        listeners.push(open(address).await?);
    }
    if let (Listen::Localhost(_), Some(first)) = (listen, listeners.first()) {
        let port = first.local_addr().map_err(|e| e.to_string())?.port();
        // A browser may try ::1 first, and somebody else's program must not be what it finds there.
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(second) => listeners.push(second),
            // A machine without IPv6.
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(why((Ipv6Addr::LOCALHOST, port).into(), &error)),
        }
    }
    Ok(listeners)
}

async fn open(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| why(address, &error))
}

fn why(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "{address} is in use by another program: stop it, or choose another port with --listen localhost:3001"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("{address}: not allowed to listen there; ports from 1024 on are free to use")
        }
        io::ErrorKind::AddrNotAvailable => format!("{address} is no address of this machine"),
        _ => format!("cannot listen on {address}: {error}"),
    }
}

/// Serves until the program is asked to stop, and lets running requests finish.
pub(crate) async fn serve(listeners: Vec<TcpListener>, app: Router) -> io::Result<()> {
    let (stop, stopped) = watch::channel(());
    let servers: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            let (app, mut stopped) = (app.clone(), stopped.clone());
            tokio::spawn(async move {
                let service = app.into_make_service_with_connect_info::<SocketAddr>();
                let until = async move { drop(stopped.changed().await) };
                axum::serve(listener, service).with_graceful_shutdown(until).await
            })
        })
        .collect();
    asked_to_stop().await;
    drop(stop);
    for server in servers {
        server.await??;
    }
    Ok(())
}

#[cfg(unix)]
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return drop(tokio::signal::ctrl_c().await) };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() {
    drop(tokio::signal::ctrl_c().await);
}
