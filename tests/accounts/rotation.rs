//! Keys: where they come from, who may read them, and how they are replaced.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::service::{Enroller, Keys, Mfa, Reply};
use tower_mfa::store::SqliteStore;
use tower_mfa::testing::{Fault, ManualClock};
use tower_mfa::token::{Algorithm, SigningKey};
use tower_mfa::vault::MasterKey;

use crate::folder::Folder;
use crate::scene::{Heard, START, Scene, answered, builder, challenged, is_unavailable, keys_of, subject};
use crate::turnstile::Turnstile;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// What tells two sets of keys apart: the id of the signing key, and whether one opens the other's.
fn kid(keys: &Keys) -> String {
    keys.signing().signing_kid().unwrap().to_string()
}

/// An error and what it was caused by, as an operator would print them.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Puts a quick signing key where an RSA key would be made, and a ring beside it.
fn prepared(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    set_mode(folder, 0o700);
    let pem = SigningKey::generate(Algorithm::EdDsa).unwrap().to_pkcs8_pem().unwrap();
    let master = MasterKey::generate("first", &SystemEntropy).unwrap();
    let line = format!("first {}\n", base64::engine::general_purpose::STANDARD.encode(master.expose()));
    for (name, content) in [("signing-key.pem", pem.expose()), ("master-keys", &line)] {
        std::fs::write(folder.join(name), content).unwrap();
        set_mode(&folder.join(name), 0o600);
    }
}

/// Rows: N63B-3.1.4.2-a
#[test]
fn key_files_are_their_owners_alone_and_are_refused_when_they_are_not() {
    let folder = Folder::new("keys-mode");
    let keys = folder.path().join("deep/keys");
    let made = Keys::load_or_create(&keys).unwrap();
    assert_eq!(mode(&keys), 0o700);
    let names: Vec<_> = std::fs::read_dir(&keys).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no draft is left: {names:?}");
    for name in names {
        let file = keys.join(name);
        assert_eq!(mode(&file), 0o600);
        for wide in [0o640, 0o604, 0o660, 0o610] {
            set_mode(&file, wide);
            let error = Keys::load_or_create(&keys).unwrap_err();
            assert!(chain(&error).contains("0600"), "{}", chain(&error));
        }
        set_mode(&file, 0o600);
    }
    for shared in [0o770, 0o720, 0o702, 0o777] {
        set_mode(&keys, shared);
        let error = Keys::load_or_create(&keys).unwrap_err();
        assert!(chain(&error).contains("0700"), "{}", chain(&error));
    }
    set_mode(&keys, 0o755);
    assert_eq!(kid(&Keys::load_or_create(&keys).unwrap()), kid(&made), "the same keys again");
}

#[test]
fn threads_that_start_at_once_get_the_same_keys() {
    let folder = Folder::new("keys-race");
    let path = folder.path().join("keys");
    let path = path.as_path();
    let (kids, rings): (Vec<String>, Vec<Vec<u8>>) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(move || {
                    let keys = Keys::load_or_create(path).unwrap();
                    (kid(&keys), std::fs::read(path.join("master-keys")).unwrap())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).unzip()
    });
    assert!(kids.windows(2).all(|pair| pair[0] == pair[1]), "{kids:?}");
    assert!(rings.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 2);
}

#[test]
fn damaged_key_files_are_refused_and_never_replaced_or_printed() {
    let folder = Folder::new("keys-damaged");
    let path = folder.path();
    prepared(path);
    let ring = path.join("master-keys");
    let good = base64::engine::general_purpose::STANDARD.encode([9_u8; 32]);
    for bad in [
        String::new(),
        "\n\n".to_owned(),
        "nameonly".to_owned(),
        format!("name {}", &good[..40]),
        format!("name {good}=="),
        format!("na/me {good}"),
        format!("one {good}\none {good}"),
        "name !!!!".to_owned(),
    ] {
        std::fs::write(&ring, &bad).unwrap();
        set_mode(&ring, 0o600);
        let error = Keys::load_or_create(path).unwrap_err();
        assert!(!chain(&error).contains(&good[..8]), "{}", chain(&error));
        assert_eq!(std::fs::read_to_string(&ring).unwrap(), bad, "it is left as it was");
    }
    std::fs::write(&ring, format!("  new {good}  \n\nold {}\n", good.replace('C', "D"))).unwrap();
    Keys::load_or_create(path).unwrap();
    std::fs::write(path.join("signing-key.pem"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        .unwrap();
    assert!(Keys::load_or_create(path).is_err());
}

#[test]
fn a_lost_master_key_is_an_error_and_not_a_new_ring() {
    let folder = Folder::new("keys-lost");
    let before = Keys::load_or_create(folder.path()).unwrap();
    let kept = std::fs::read(folder.path().join("master-keys")).unwrap();
    std::fs::remove_file(folder.path().join("master-keys")).unwrap();
    let error = Keys::load_or_create(folder.path()).unwrap_err();
    assert!(error.to_string().contains("master-keys"), "{error}");
    std::fs::write(folder.path().join("master-keys"), kept).unwrap();
    set_mode(&folder.path().join("master-keys"), 0o600);
    assert_eq!(kid(&Keys::load_or_create(folder.path()).unwrap()), kid(&before));
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    assert!(Keys::load_or_create("/dev/null/keys").is_err());
}

/// Started by the test below in a process of its own, whose environment it may choose.
#[test]
#[ignore = "a part of another test"]
fn report_the_keys_of_the_environment() {
    match Keys::from_env() {
        Ok(keys) => println!("kid={}", kid(&keys)),
        Err(error) => println!("error={}", chain(&error)),
    }
}

#[test]
fn keys_come_from_the_environment_too_and_are_not_printed() {
    use std::os::unix::ffi::OsStringExt as _;
    let signing = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let pem = signing.to_pkcs8_pem().unwrap().expose().to_owned();
    let line = format!("main {}", base64::engine::general_purpose::STANDARD.encode([5_u8; 32]));
    let run = |variables: &[(&str, std::ffi::OsString)]| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "rotation::report_the_keys_of_the_environment", "--ignored", "--nocapture"]);
        command.env_remove("TOWER_MFA_SIGNING_KEY").env_remove("TOWER_MFA_MASTER_KEYS").envs(variables.iter().cloned());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let (one, two) = ("TOWER_MFA_SIGNING_KEY", "TOWER_MFA_MASTER_KEYS");
    let good = run(&[(one, pem.clone().into()), (two, line.clone().into())]);
    assert!(good.contains(&format!("kid={}", signing.kid())), "{good}");
    let missing = run(&[(one, pem.clone().into())]);
    assert!(missing.contains("error=") && missing.contains(two), "{missing}");
    let broken = run(&[(one, "no key".into()), (two, line.into())]);
    assert!(broken.contains("error="), "{broken}");
    let not_text = [b"hush-hush ".to_vec(), vec![0xFF]].concat();
    let refused = run(&[(one, pem.into()), (two, std::ffi::OsString::from_vec(not_text))]);
    assert!(refused.contains("UTF-8") && !refused.contains("hush"), "{refused}");
}

async fn sqlite(folder: &Path, clock: &ManualClock) -> Scene {
    let store = SqliteStore::open(folder.join("mfa.db")).await.unwrap();
    let heard = Heard::default();
    let keys = Keys::load_or_create(folder.join("keys")).unwrap();
    let mfa: Mfa = builder(store, clock, &heard).keys(keys).build().unwrap();
    Scene { mfa, clock: clock.clone(), heard, ..Scene::new() }
}

/// Rows: CVE-2022-30689
#[tokio::test]
async fn after_a_restart_sessions_apps_and_enforcement_are_what_they_were() {
    let folder = Folder::new("restart");
    prepared(&folder.path().join("keys"));
    let clock = ManualClock::at(START);
    let s = sqlite(folder.path(), &clock).await;
    let person = s.enrolled("alice").await;
    let used = person.app.code(s.now());
    drop(s);
    let s = sqlite(folder.path(), &clock).await;
    let by = s.auth(&person.bound.tokens);
    assert!(s.mfa.status(Enroller::Session(&by)).await.is_ok());
    assert!(s.mfa.refresh(person.bound.tokens.refresh_token().unwrap()).await.is_ok());
    let asked = challenged(s.begin("alice").await);
    assert!(s.answer(&asked, Reply::totp(used)).await.is_err(), "a used code stays used");
    s.sign_in("alice", &person.app).await;
}

pub(crate) fn master(name: &str) -> MasterKey {
    MasterKey::generate(name, &SystemEntropy).unwrap()
}

pub(crate) fn on_keys(s: &Scene, ring: Vec<MasterKey>) -> Scene {
    let mfa = builder(s.store.clone(), &s.clock, &s.heard).keys(keys_of(ring)).build().unwrap();
    Scene { mfa, ..s.clone() }
}

/// Rows: PCI-8.3.2
#[tokio::test]
async fn a_master_key_is_rotated_while_serving_and_the_old_one_can_then_be_dropped() {
    let (old, new) = (master("old"), master("new"));
    let s = on_keys(&Scene::new(), vec![old.clone()]);
    let mut people = Vec::new();
    for n in 0..7 {
        people.push(s.enrolled(&format!("person-{n}")).await);
    }
    let s = on_keys(&s, vec![new.clone(), old]);
    let late = s.enrolled("late").await;
    let rotated = s.mfa.rotate_keys(|_| ()).await.unwrap();
    assert_eq!((rotated.seen, rotated.sealed, rotated.failed), (8, 7, 0), "{rotated:?}");
    let before = s.store.commits();
    let again = s.mfa.rotate_keys(|_| ()).await.unwrap();
    assert_eq!((again.seen, again.sealed, again.is_clean()), (8, 0, true), "{again:?}");
    assert_eq!(s.store.commits(), before, "what is sealed with the newest key is left alone");
    let s = on_keys(&s, vec![new]);
    for (n, person) in people.iter().enumerate() {
        s.sign_in(&format!("person-{n}"), &person.app).await;
    }
    s.sign_in("late", &late.app).await;
}

#[tokio::test]
async fn a_key_that_is_dropped_too_early_is_unavailable_and_never_a_pass() {
    let s = on_keys(&Scene::new(), vec![master("old")]);
    let person = s.enrolled("alice").await;
    let s = on_keys(&s, vec![master("new")]);
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    assert!(is_unavailable(s.answer(&asked, Reply::totp(person.app.code(s.now()))).await));
    assert!(is_unavailable(s.answer(&asked, Reply::totp("000000")).await), "a wrong code learns nothing more");
    let rotated = s.mfa.rotate_keys(|_| ()).await.unwrap();
    assert!(!rotated.is_clean(), "the operator is told not to go on");
    assert_eq!(rotated.failures, [subject("alice")]);
    let spare = person.bound.recovery_codes.as_ref().unwrap()[0].expose();
    answered(s.answer(&asked, Reply::recovery_code(spare)).await.unwrap());
    s.mfa.reset(&subject("alice"), "root", "the key is gone").await.unwrap();
}

/// Accounts by the hundred, made with the old key.
async fn crowd(count: u32) -> (Scene, MasterKey, MasterKey) {
    let (old, new) = (master("old"), master("new"));
    let s = on_keys(&Scene::new(), vec![old.clone()]);
    for n in 0..count {
        s.password(&format!("person-{n}")).await;
    }
    (on_keys(&s, vec![new.clone(), old.clone()]), old, new)
}

#[tokio::test]
async fn a_rotation_says_how_far_it_is_and_goes_on_where_it_was_cut_off() {
    let (s, _, new) = crowd(450).await;
    let mut told = Vec::new();
    {
        // The process dies in the middle of the third page.
        let rotating = s.mfa.rotate_keys(|so_far| told.push(so_far.clone()));
        let mut rotating = std::pin::pin!(rotating);
        while std::future::poll_fn(|cx| std::task::Poll::Ready(rotating.as_mut().poll(cx).is_pending())).await {
            if s.store.commits() > 450 + 420 {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let cut_off: Vec<_> = told.iter().map(|so_far| (so_far.seen, so_far.sealed, so_far.remaining())).collect();
    assert_eq!(cut_off, [(200, 200, 250), (400, 400, 50)]);
    assert!(told.iter().all(|so_far| so_far.per_second > 0.0 && so_far.total == 450), "{told:?}");

    // The next call goes on at the third page, and seals what is left of it; then it looks through all once more.
    let (done, loads) = (s.store.commits() - 450, s.store.loads());
    assert!((401..450).contains(&done), "{done}");
    let mut told = Vec::new();
    let rest = s.mfa.rotate_keys(|so_far| told.push((so_far.seen, so_far.sealed, so_far.remaining()))).await.unwrap();
    let sealed = 400 + (450 - done);
    assert_eq!(told, [(450, sealed, 0), (200, sealed, 250), (400, sealed, 50), (450, sealed, 0)]);
    assert_eq!((rest.seen, rest.sealed, rest.is_clean()), (450, sealed, true), "{rest:?}");
    assert_eq!((s.store.loads() - loads, s.store.commits()), (450 - done, 450 + 450), "nobody is sealed twice");
    let s = on_keys(&s, vec![new]);
    for n in [0, 199, 200, 399, 400, 449] {
        s.password(&format!("person-{n}")).await;
    }
}

/// A replica that still has the old ring seals behind a rotation that has broken off. The next call finds it.
#[tokio::test]
async fn a_rotation_that_goes_on_looks_behind_itself() {
    let (s, old, new) = crowd(450).await;
    {
        let mut rotating = std::pin::pin!(s.mfa.rotate_keys(|_| ()));
        while std::future::poll_fn(|cx| std::task::Poll::Ready(rotating.as_mut().poll(cx).is_pending())).await {
            if s.store.commits() > 450 + 250 {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    // Behind the first page: names are in order.
    let behind = on_keys(&s, vec![old.clone(), new.clone()]).enrolled("person-0").await;
    let rotated = s.mfa.rotate_keys(|_| ()).await.unwrap();
    assert_eq!((rotated.seen, rotated.remaining(), rotated.is_clean()), (450, 0, true), "{rotated:?}");
    on_keys(&s, vec![new]).sign_in("person-0", &behind.app).await;
}

/// Each does a part, nobody does it twice, and nothing is left out.
#[tokio::test]
async fn several_replicas_share_a_rotation() {
    let (s, old, new) = crowd(450).await;
    let replica = || {
        let gate = Turnstile::open(s.store.clone());
        let keys = keys_of(vec![new.clone(), old.clone()]);
        (builder(gate.clone(), &s.clock, &s.heard).keys(keys).build().unwrap(), gate)
    };
    let ((here, ours), (there, theirs)) = (replica(), replica());
    let (one, two) = tokio::join!(here.rotate_keys(|_| ()), there.rotate_keys(|_| ()));
    assert!(one.unwrap().is_clean() && two.unwrap().is_clean());
    let (ours, theirs) = (ours.written(), theirs.written());
    assert!(ours.len() > 50 && theirs.len() > 50, "{} and {}", ours.len(), theirs.len());
    let all: HashSet<_> = ours.iter().chain(&theirs).collect();
    assert_eq!((all.len(), ours.len() + theirs.len()), (450, 450), "each account once");
    let left = s.mfa.rotate_keys(|_| ()).await.unwrap();
    assert_eq!((left.seen, left.sealed), (450, 0));
}

#[tokio::test]
async fn a_rotation_on_a_store_that_fails_can_be_called_again() {
    let (s, ..) = crowd(210).await;
    s.store.set(Some(Fault::NotCommitted));
    assert!(is_unavailable(s.mfa.rotate_keys(|_| ()).await), "no account is to blame for it");
    s.store.set(Some(Fault::Unavailable));
    assert!(is_unavailable(s.mfa.rotate_keys(|_| ()).await));
    s.store.set(None);
    let rotated = s.mfa.rotate_keys(|_| ()).await.unwrap();
    assert_eq!((rotated.seen, rotated.sealed, rotated.is_clean()), (210, 210, true));
}
