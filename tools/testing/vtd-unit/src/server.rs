// SPDX-License-Identifier: GPL-2.0

//! A PCI function on its socket, in terms of vfio-user.

use crate::{
    config::{
        self,
        Config, //
    },
    Error, //
};
use std::{
    fs::File,
    io::{
        self,
        Write, //
    },
    path::Path, //
};
use vfio_bindings::bindings::vfio::{
    vfio_region_info,
    VFIO_IRQ_INFO_EVENTFD,
    VFIO_PCI_BAR0_REGION_INDEX,
    VFIO_PCI_CONFIG_REGION_INDEX,
    VFIO_PCI_MSI_IRQ_INDEX,
    VFIO_PCI_NUM_IRQS,
    VFIO_PCI_NUM_REGIONS,
    VFIO_REGION_INFO_FLAG_READ,
    VFIO_REGION_INFO_FLAG_WRITE, //
};
use vfio_user::{
    DmaMapFlags,
    DmaUnmapFlags,
    IrqInfo,
    Server,
    ServerBackend,
    ServerRegion, //
};

/// What is behind a function's memory.
pub(crate) trait Function: Send {
    /// The size of its memory in bytes.
    const SIZE: u64;
    /// How many messages it has for interrupts.
    const INTERRUPTS: u32;

    /// Its configuration space.
    fn config(&mut self) -> &mut Config;

    /// Reads from its memory.
    fn read(&mut self, offset: u64, data: &mut [u8]) -> io::Result<()>;

    /// Writes to its memory. The answer is what to do about an interrupt.
    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<Interrupt>;

    /// Software has changed its configuration space.
    fn configured(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// It is reset.
    fn reset(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a function interrupts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// It does not.
    None,
    /// It does.
    Raise,
}

/// A function, and who takes its interrupts.
pub(crate) struct Backend<F> {
    function: F,
    interrupt: Option<File>,
}

/// A function that will answer on the socket `path`.
pub(crate) fn new<F: Function>(path: &Path, function: F) -> Result<(Server, Backend<F>), Error> {
    let regions = (0..VFIO_PCI_NUM_REGIONS).map(|index| region::<F>(index));
    let interrupts = (0..VFIO_PCI_NUM_IRQS).map(|index| {
        let count = match index {
            VFIO_PCI_MSI_IRQ_INDEX => F::INTERRUPTS,
            _ => 0,
        };

        IrqInfo {
            index,
            flags: VFIO_IRQ_INFO_EVENTFD,
            count,
        }
    });
    let server = Server::new(path, true, interrupts.collect(), regions.collect())?;

    Ok((
        server,
        Backend {
            function,
            interrupt: None,
        },
    ))
}

fn region<F: Function>(index: u32) -> ServerRegion {
    let size = match index {
        VFIO_PCI_BAR0_REGION_INDEX => F::SIZE,
        VFIO_PCI_CONFIG_REGION_INDEX => config::SIZE as u64,
        _ => 0,
    };
    let flags = match size {
        0 => 0,
        _ => VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
    };

    ServerRegion {
        region_info: vfio_region_info {
            // CAST: Some words.
            argsz: size_of::<vfio_region_info>() as u32,
            index,
            size,
            flags,
            ..Default::default()
        },
        sparse_areas: Vec::new(),
        mmap_fd: None,
    }
}

/// `offset` as an index, which is refused later if it is too large for one.
fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl<F: Function> ServerBackend for Backend<F> {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        match region {
            VFIO_PCI_CONFIG_REGION_INDEX => {
                self.function.config().read(index(offset), data);
                Ok(())
            }
            VFIO_PCI_BAR0_REGION_INDEX => self.function.read(offset, data),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        match region {
            VFIO_PCI_CONFIG_REGION_INDEX => {
                if self.function.config().write(index(offset), data) {
                    return self.reset();
                }
                self.function.configured()
            }
            VFIO_PCI_BAR0_REGION_INDEX => match self.function.write(offset, data)? {
                Interrupt::Raise => match &mut self.interrupt {
                    Some(event) => event.write_all(&1u64.to_ne_bytes()),
                    None => Ok(()),
                },
                Interrupt::None => Ok(()),
            },
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// The machine's memory is known by its file.
    fn dma_map(
        &mut self,
        _flags: DmaMapFlags,
        _offset: u64,
        _address: u64,
        _size: u64,
        _fd: Option<File>,
    ) -> io::Result<()> {
        Ok(())
    }

    fn dma_unmap(&mut self, _flags: DmaUnmapFlags, _address: u64, _size: u64) -> io::Result<()> {
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.function.config().reset();
        self.function.configured()?;
        self.function.reset()
    }

    fn set_irqs(
        &mut self,
        index: u32,
        _flags: u32,
        _start: u32,
        _count: u32,
        mut fds: Vec<File>,
    ) -> io::Result<()> {
        if index == VFIO_PCI_MSI_IRQ_INDEX {
            self.interrupt = fds.pop();
        }
        Ok(())
    }
}
