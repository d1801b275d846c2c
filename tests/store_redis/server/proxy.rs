//! A wire that can be cut: between a store and its server, at a given request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to the chosen request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It is not sent on: the server never hears of it.
    Before,
    /// It is sent on and done, and its answer is not brought back.
    After,
    /// The same, and whoever connects again is served.
    AfterOnce,
    /// It is kept, with all behind it, until the wire is mended: the process is slow, not gone.
    Hold,
}

/// Passes on what is sent to a server, until the request that was chosen: then it cuts every wire,
/// and the store behind it is as good as a process that died.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    plan: Arc<Plan>,
}

struct Plan {
    /// Requests that count are those with this word in front.
    word: &'static [u8],
    at: AtomicUsize,
    met: AtomicUsize,
    cut: Cut,
    over: watch::Sender<bool>,
    held: watch::Sender<bool>,
}

impl Proxy {
    /// Cuts at a request of this kind once [`Self::arm`] has said which.
    pub(crate) async fn to(server: u16, word: &'static str, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Arc::new(Plan {
            word: word.as_bytes(),
            at: AtomicUsize::new(usize::MAX),
            met: AtomicUsize::new(0),
            cut,
            over: watch::Sender::new(false),
            held: watch::Sender::new(false),
        });
        let shared = Arc::clone(&plan);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *shared.over.borrow() {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                tokio::spawn(Arc::clone(&shared).pass(client, server));
            }
        });
        Self { address, plan }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on counts, and cuts at the request with this number, from 0.
    pub(crate) fn arm(&self, at: usize) {
        self.plan.met.store(0, Ordering::SeqCst);
        self.plan.at.store(at, Ordering::SeqCst);
    }

    /// Lets everything pass again.
    pub(crate) fn mend(&self) {
        self.plan.at.store(usize::MAX, Ordering::SeqCst);
        self.plan.over.send_replace(false);
        self.plan.held.send_replace(false);
    }

    /// Waits until the chosen request is kept.
    pub(crate) async fn holds(&self) {
        ended(&mut self.plan.held.subscribe()).await;
    }

    /// Whether the chosen request has come.
    pub(crate) fn is_met(&self) -> bool {
        self.plan.met.load(Ordering::SeqCst) > self.plan.at.load(Ordering::SeqCst)
    }

    pub(crate) fn is_cut(&self) -> bool {
        *self.plan.over.borrow()
    }
}

impl Plan {
    async fn pass(self: Arc<Self>, client: TcpStream, server: TcpStream) {
        let (mut from_client, to_client) = client.into_split();
        let (from_server, mut to_server) = server.into_split();
        let mut over = self.over.subscribe();
        let (mute, muted) = watch::channel(false);
        let back = tokio::spawn(bring_back(from_server, to_client, over.clone(), muted));
        let mut waiting = Vec::new();
        let mut buffer = vec![0; 65_536];
        'wire: loop {
            tokio::select! {
                () = ended(&mut over) => break,
                read = from_client.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => break,
                    Ok(count) => waiting.extend_from_slice(&buffer[..count]),
                },
            }
            while let Some(end) = request_end(&waiting) {
                let request: Vec<u8> = waiting.drain(..end).collect();
                let chosen =
                    self.counts(&request) && self.met.fetch_add(1, Ordering::SeqCst) == self.at.load(Ordering::SeqCst);
                if chosen && self.cut == Cut::Hold {
                    let mut held = self.held.subscribe();
                    self.held.send_replace(true);
                    let _ = held.wait_for(|held| !held).await.map(drop);
                    let _ = to_server.write_all(&request).await;
                    continue;
                }
                let is_done = matches!(self.cut, Cut::After | Cut::AfterOnce);
                if chosen {
                    mute.send_replace(is_done);
                    self.over.send_replace(self.cut != Cut::AfterOnce);
                }
                if !chosen || is_done {
                    let _ = to_server.write_all(&request).await;
                }
                if chosen {
                    break 'wire;
                }
            }
        }
        if *mute.borrow() {
            // The server closes when it has read and done everything before.
            let _ = to_server.shutdown().await;
            let _ = back.await;
        } else {
            back.abort();
        }
    }

    fn counts(&self, request: &[u8]) -> bool {
        words(request).first().is_some_and(|word| word.eq_ignore_ascii_case(self.word))
    }
}

/// Brings answers back until all is over; of a wire that is muted it hears them to the end, so that what the server was
/// sent is done.
async fn bring_back(
    mut from_server: OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    mut over: watch::Receiver<bool>,
    muted: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        tokio::select! {
            biased;
            () = unless_muted(&mut over, &muted) => return,
            read = from_server.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return,
                Ok(_) if *muted.borrow() => {}
                Ok(count) => if to_client.write_all(&buffer[..count]).await.is_err() { return },
            },
        }
    }
}

async fn unless_muted(over: &mut watch::Receiver<bool>, muted: &watch::Receiver<bool>) {
    ended(over).await;
    if *muted.borrow() {
        std::future::pending::<()>().await;
    }
}

async fn ended(over: &mut watch::Receiver<bool>) {
    let _ = over.wait_for(|over| *over).await.map(drop);
}

/// Where the first request of a buffer ends, if all of it is there: `*n`, then `$length` and bytes.
fn request_end(buffer: &[u8]) -> Option<usize> {
    let (count, mut at) = number(buffer, 0, b'*')?;
    for _ in 0..count {
        let (length, behind) = number(buffer, at, b'$')?;
        at = behind + length + 2;
    }
    (at <= buffer.len()).then_some(at)
}

fn number(buffer: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    let rest = buffer.get(at..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    assert_eq!(rest[0], mark, "not a request");
    Some((std::str::from_utf8(&rest[1..end]).unwrap().parse().unwrap(), at + end + 2))
}

fn words(request: &[u8]) -> Vec<&[u8]> {
    let (count, mut at) = number(request, 0, b'*').unwrap();
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, behind) = number(request, at, b'$').unwrap();
        words.push(&request[behind..behind + length]);
        at = behind + length + 2;
    }
    words
}
