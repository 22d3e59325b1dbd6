use aya::{EbpfLoader, VerifierLogLevel, programs::Program};
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let only = std::env::args().nth(2);
    let data = std::fs::read(path).unwrap();
    let mut e = EbpfLoader::new()
        .verifier_log_level(if std::env::var_os("LOG").is_some() {
            VerifierLogLevel::DEBUG | VerifierLogLevel::STATS
        } else {
            VerifierLogLevel::STATS
        })
        .load(&data)
        .unwrap();
    for (n, p) in e.programs_mut() {
        let n = n.to_string();
        if only.as_deref().is_some_and(|o| o != n) {
            continue;
        }
        let r = match p {
            Program::Xdp(x) => x.load().map(|()| x.info().unwrap()),
            Program::SchedClassifier(x) => x.load().map(|()| x.info().unwrap()),
            _ => continue,
        };
        match r {
            Ok(i) => println!(
                "{n}: {:?} verified, {:?} octets xlated, {} jited",
                i.verified_instruction_count(),
                i.size_translated(),
                i.size_jitted()
            ),
            Err(e) => {
                let s = format!("{e}");
                let l: Vec<_> = s.lines().collect();
                println!("{n}: {}", l[l.len().saturating_sub(25)..].join("\n"))
            }
        }
    }
}
