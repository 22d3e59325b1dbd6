//! Builds again when the linker has changed, and tells it how to compile for BPF.

use std::env;

/// Else zeroing takes a call that writes octet by octet, which the verifier follows octet by octet.
const WORDWISE_ZEROING: &str = "--disable-expand-memcpy-in-order";
/// The headers in a packet lie at no particular alignment. Without this, LLVM reads them octet by octet. The verifier
/// of every machine that eBPF is compiled to native code for takes it (`CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS`).
const UNALIGNED_ACCESS: &str = "--cpu-features=+allows-misaligned-mem-access";

fn main() {
    println!("cargo::rerun-if-changed=src");
    if let Ok(linker) = which::which("bpf-linker") {
        println!("cargo::rerun-if-changed={}", linker.display());
    }
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "bpf") {
        println!("cargo::rustc-link-arg-bins={WORDWISE_ZEROING}");
        // The verifier refuses the lab's programs when compiled so.
        for bin in ["watch", "follow", "sample"] {
            println!("cargo::rustc-link-arg-bin={bin}={UNALIGNED_ACCESS}");
        }
    }
}
