// SPDX-License-Identifier: GPL-2.0

//! The function whose memory the unit's registers are.
//!
//! Firmware names a unit by where its registers are, whatever is there.

use crate::{
    config::{
        Config,
        Identity, //
    },
    server::{
        Function,
        Interrupt, //
    },
    vtd::hw::Registers,
    world::Line, //
};
use std::io;

/// The unit.
pub(crate) struct Unit {
    config: Config,
    line: Line,
}

impl Unit {
    /// The unit behind `line`.
    pub(crate) fn new(line: Line) -> Self {
        Self {
            config: Config::new(&Identity {
                vendor: 0x1234,
                device: 0x11e9,
                // A system peripheral: an IOMMU.
                class: 0x08_0600,
                capable: false,
            }),
            line,
        }
    }
}

impl Function for Unit {
    const SIZE: u64 = 4096;
    const INTERRUPTS: u32 = 0;

    fn config(&mut self) -> &mut Config {
        &mut self.config
    }

    fn read(&mut self, offset: u64, data: &mut [u8]) -> io::Result<()> {
        // CAST: Within the page.
        let at = offset as usize;

        match data.len() {
            4 => {
                let value = self.line.ask(move |world| world.model.read32(at))?;

                data.copy_from_slice(&value.to_le_bytes());
            }
            8 => {
                let value = self.line.ask(move |world| world.model.read64(at))?;

                data.copy_from_slice(&value.to_le_bytes());
            }
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        Ok(())
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<Interrupt> {
        // CAST: Within the page.
        let at = offset as usize;

        if let Ok(word) = data.try_into() {
            let value = u32::from_le_bytes(word);

            self.line.ask(move |world| world.model.write32(at, value))?;
        } else if let Ok(words) = data.try_into() {
            let value = u64::from_le_bytes(words);

            self.line.ask(move |world| world.model.write64(at, value))?;
        } else {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Interrupt::None)
    }
}
