// SPDX-License-Identifier: GPL-2.0

//! A remapping unit of VT-d that nests, and devices behind it, beside QEMU.
//!
//! QEMU's own unit has one stage or the other. This is one with both: the model that the driver's
//! logic is tested on, whose caches never forget by themselves, walking tables in the memory of an
//! emulated machine. Its registers and its devices are PCI functions of that machine, by QEMU's
//! `vfio-user-pci`:
//!
//! ```text
//! vtd-unit KIND RAM UNIT RID=FUNCTION...
//! ```
//!
//! KIND is `nested`, for all that the model can do, `separate`, where each stage translates by
//! itself only, or `caching`, a separate one that caches what is not there, too. RAM is the file
//! that the machine's memory is (`memory-backend-file`, shared, one range from address 0). UNIT and
//! FUNCTION are sockets to be made, on which a function answers; RID is where a function is in
//! hexadecimal, as in `20` for 00:04.0. It ends when the machine does, with an error if the driver
//! did what the architecture forbids.
//!
//! - `world`: the model and the memory, which one thread has and the others ask;
//! - `server`: a PCI function on its socket;
//! - `config`: configuration space;
//! - `unit`: the function whose memory the unit's registers are;
//! - `endpoint`: a function that does DMA, as QEMU's `edu` does.

mod config;
mod endpoint;
mod server;
#[path = "../../host/src/sync.rs"]
mod sync;
mod unit;
mod world;

#[path = "../../../../drivers/iommu/nested"]
mod nested {
    pub(crate) mod common;
    pub(crate) mod ids;
    pub(crate) mod vtd {
        pub(crate) mod arch;
        pub(crate) mod attach;
        pub(crate) mod bringup;
        pub(crate) mod engine;
        pub(crate) mod flush;
        pub(crate) mod guest;
        pub(crate) mod hw;
        pub(crate) mod model;
        pub(crate) mod pasids;
        pub(crate) mod qi;
        pub(crate) mod records;
        pub(crate) mod regs;
        pub(crate) mod requests;
        pub(crate) mod slot;
        pub(crate) mod space;
        pub(crate) mod switch;
        pub(crate) mod tables;
        pub(crate) mod targets;
    }
}

pub(crate) use nested::{
    common,
    ids,
    vtd, //
};

use endpoint::Endpoint;
use std::{
    env,
    path::Path,
    process::ExitCode,
    thread, //
};
use unit::Unit;
use world::{
    Line,
    World, //
};

/// What can end the program.
type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(what)) => {
            eprintln!("vtd-unit: the driver: {what}");
            ExitCode::FAILURE
        }
        Err(e) => {
            eprintln!("vtd-unit: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Serves the machine until it ends. Says what its driver did that it must not.
fn run(args: &[String]) -> Result<Option<&'static str>, Error> {
    let [kind, ram, unit, functions @ ..] = args else {
        return Err("say KIND RAM UNIT RID=FUNCTION...".into());
    };
    let config = world::config(kind).ok_or("no such kind of unit")?;
    let (line, jobs) = Line::new();

    serve(Path::new(unit), Unit::new(line.clone()))?;
    for function in functions {
        let (rid, path) = function.split_once('=').ok_or("a function is RID=PATH")?;
        let rid = u16::from_str_radix(rid, 16)?;

        serve(Path::new(path), Endpoint::new(rid, line.clone()))?;
    }
    // When the last of them ends, so do the jobs.
    drop(line);
    World::new(config, Path::new(ram))?.run(&jobs)
}

/// Answers for a function in a thread of its own.
fn serve(path: &Path, function: impl server::Function + 'static) -> Result<(), Error> {
    let (server, mut backend) = server::new(path, function)?;

    thread::spawn(move || {
        if let Err(e) = server.run(&mut backend) {
            eprintln!("vtd-unit: {e}");
        }
    });
    Ok(())
}
