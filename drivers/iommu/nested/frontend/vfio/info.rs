// SPDX-License-Identifier: GPL-2.0

//! `VFIO_IOMMU_GET_INFO`: what there is, as a chain of capabilities.

use super::{
    container::{
        Container,
        State, //
    },
    events,
    msi,
    stage::Stage,
    Abi, //
};
use crate::{
    backend::{
        AddressRange,
        Backend,
        Capabilities, //
    },
    iommu::bindings::{
        self,
        vfio_info_cap_header,
        vfio_iommu_type1_info,
        vfio_iova_range,
        vfio_nested_info_cap, //
    },
    vfio::user, //
};
use core::mem::offset_of;
use kernel::{
    prelude::*,
    sync::Arc,
    transmute::AsBytes, //
};

/// The ops that there are anyhow.
const OPS: u32 = bindings::VFIO_NESTED_OP_CACHE_INVALIDATE | bindings::VFIO_NESTED_OP_EVENT_FD;

/// The offset of the first capability: right behind the structure.
const START: usize = size_of::<vfio_iommu_type1_info>();

/// Capabilities one after the other, each at a multiple of 8 bytes.
struct Chain {
    bytes: KVec<u8>,
    /// Where the last one starts, in `bytes`.
    last: Option<usize>,
}

impl Chain {
    fn new() -> Self {
        Self {
            bytes: KVec::new(),
            last: None,
        }
    }

    /// Begins a capability.
    fn begin(&mut self, id: u32, version: u16) -> Result {
        const NEXT: usize = offset_of!(vfio_info_cap_header, next);
        let here = self.bytes.len();
        // CAST: Small offsets.
        let next = ((START + here) as u32).to_ne_bytes();

        if let Some(last) = self.last {
            let at = last + NEXT;

            for (to, from) in self.bytes.iter_mut().skip(at).zip(next) {
                *to = from;
            }
        }
        self.last = Some(here);
        self.put(&vfio_info_cap_header {
            // CAST: The IDs of the uAPI have 16 bits.
            id: id as u16,
            version,
            next: 0,
        })
    }

    /// Adds to the last capability.
    fn put<T: AsBytes + ?Sized>(&mut self, value: &T) -> Result {
        Ok(self.bytes.extend_from_slice(value.as_bytes(), GFP_KERNEL)?)
    }

    /// Ends the last capability.
    fn end(&mut self) -> Result {
        let len = self.bytes.len().next_multiple_of(align_of::<u64>());

        Ok(self.bytes.resize(len, 0, GFP_KERNEL)?)
    }
}

impl<B: Abi> Container<B> {
    /// Tells what there is.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: less room than for the page sizes.
    /// - [`EFAULT`], [`ENOMEM`]
    pub(super) fn get_info(&self, arg: usize) -> Result {
        const MIN: usize = offset_of!(vfio_iommu_type1_info, iova_pgsizes) + size_of::<u64>();
        let mut info: vfio_iommu_type1_info = user::read_start(arg, MIN)?;
        let stages = self.stages()?;
        let mut chain = Chain::new();
        // CAST: `u32` to `usize` widens.
        let room = info.argsz as usize;

        {
            let state = self.state.lock();

            info.flags = bindings::VFIO_IOMMU_INFO_PGSIZES | bindings::VFIO_IOMMU_INFO_CAPS;
            info.iova_pgsizes = state.pgsizes();
            info.cap_offset = 0;
            info.pad = 0;
            state.put_iova_ranges(&mut chain)?;
            chain.begin(bindings::VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1)?;
            chain.put(&state.memory.available())?;
            chain.end()?;
            put_nesting::<B>(&mut chain, &state, &stages)?;
        }

        let needed = START + chain.bytes.len();
        if room < needed {
            // CAST: A small size.
            info.argsz = needed as u32;
        } else {
            user::write(arg + START, &chain.bytes[..])?;
            info.cap_offset = START as u32;
        }
        // PANIC: Not more than there is.
        user::write(arg, &info.as_bytes()[..room.min(START)])
    }
}

impl<B: Backend> State<B> {
    /// The ranges of addresses that can be memory.
    fn put_iova_ranges(&self, chain: &mut Chain) -> Result {
        let mut ranges = KVec::new();

        if let Some(last) = self.last() {
            ranges.push(
                vfio_iova_range {
                    start: 0,
                    end: last,
                },
                GFP_KERNEL,
            )?;
        }
        for hole in self.groups.iter().flat_map(|group| group.holes()) {
            ranges = without(&ranges, &hole)?;
        }
        chain.begin(bindings::VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1)?;
        // CAST: As many as there are reserved regions.
        chain.put(&[ranges.len() as u32, 0])?;
        for range in &ranges {
            chain.put(range)?;
        }
        chain.end()
    }
}

/// `ranges` less `hole`.
fn without(ranges: &[vfio_iova_range], hole: &AddressRange) -> Result<KVec<vfio_iova_range>> {
    let mut rest = KVec::new();

    for &vfio_iova_range { start, end } in ranges {
        if hole.last() < start || end < hole.start {
            rest.push(vfio_iova_range { start, end }, GFP_KERNEL)?;
            continue;
        }
        if start < hole.start {
            rest.push(
                vfio_iova_range {
                    start,
                    end: hole.start - 1,
                },
                GFP_KERNEL,
            )?;
        }
        if hole.last() < end {
            rest.push(
                vfio_iova_range {
                    start: hole.last() + 1,
                    end,
                },
                GFP_KERNEL,
            )?;
        }
    }
    Ok(rest)
}

/// What a guest can do, on all IOMMUs, and the registers of each.
fn put_nesting<B: Abi>(chain: &mut Chain, state: &State<B>, stages: &[Arc<Stage<B>>]) -> Result {
    let Some(all) = stages
        .iter()
        .map(|stage| stage.capabilities())
        .reduce(common)
    else {
        return Ok(());
    };
    // Either hardware walks the guest's tables, all of them, or software does.
    let nests = stages.iter().all(|stage| stage.nests());
    let page_tables = stages.iter().any(|stage| stage.takes_page_tables());
    let msi = nests && state.groups.iter().all(|group| group.host_window.is_some());
    let mut flags = bindings::VFIO_NESTED_INFO_INV_GENERIC;
    let mut ops = OPS;

    ops |= match page_tables {
        true => bindings::VFIO_NESTED_OP_BIND_GUEST_PGTBL,
        false => bindings::VFIO_NESTED_OP_BIND_PASID_TABLE,
    };
    if state.pasid_bits() != 0 {
        ops |= bindings::VFIO_NESTED_OP_PASID_REQUEST;
    }
    if msi {
        ops |= bindings::VFIO_NESTED_OP_BIND_MSI;
    }
    for (set, flag) in [
        (all.commands, bindings::VFIO_NESTED_INFO_INV_MODEL),
        (all.caching_mode, bindings::VFIO_NESTED_INFO_CACHING_MODE),
        (all.device_caches, bindings::VFIO_NESTED_INFO_DEV_IOTLB),
        (all.stalls, bindings::VFIO_NESTED_INFO_STALL),
        (all.access_flags, bindings::VFIO_NESTED_INFO_HW_ACCESS),
        (all.dirty_state, bindings::VFIO_NESTED_INFO_HW_DIRTY),
    ] {
        if set {
            flags |= flag;
        }
    }
    chain.begin(bindings::VFIO_NESTED_INFO_CAP, 1)?;
    // The header is there already.
    let cap = vfio_nested_info_cap {
        header: vfio_info_cap_header::default(),
        flags,
        model: B::MODEL,
        ops: ops.into(),
        pgsizes: all.pgsizes,
        granules: all.granules,
        pasid_table_formats: all.table_formats,
        // CAST: Numbers of bits.
        input_bits: all.input_bits as u16,
        output_bits: all.output_bits as u16,
        asid_bits: all.tag_bits as u16,
        pasid_bits: all.pasid_bits as u16,
        event_depth: events::DEPTH_MAX,
        msi_size: if msi { msi::SIZE_MAX } else { 0 },
    };
    chain.put(&cap.as_bytes()[size_of::<vfio_info_cap_header>()..])?;
    chain.end()?;

    let mut index = 0;

    for (i, stage) in stages.iter().enumerate() {
        let iommu = &stage.iommu;
        let same = |other: &Arc<Stage<B>>| Arc::ptr_eq(&other.iommu, iommu);

        // There may be two stages on one, which differ in coherency.
        if stages[..i].iter().any(same) {
            continue;
        }
        chain.begin(bindings::VFIO_NESTED_INFO_CAP + B::MODEL, 1)?;
        chain.put(&B::info(iommu, index))?;
        chain.end()?;
        index += 1;
    }
    Ok(())
}

/// What both have.
fn common(a: Capabilities, b: Capabilities) -> Capabilities {
    Capabilities {
        caching_mode: a.caching_mode || b.caching_mode,
        device_caches: a.device_caches && b.device_caches,
        commands: a.commands && b.commands,
        stalls: a.stalls && b.stalls,
        access_flags: a.access_flags && b.access_flags,
        dirty_state: a.dirty_state && b.dirty_state,
        pgsizes: a.pgsizes & b.pgsizes,
        granules: a.granules & b.granules,
        table_formats: a.table_formats & b.table_formats,
        input_bits: a.input_bits.min(b.input_bits),
        output_bits: a.output_bits.min(b.output_bits),
        tag_bits: a.tag_bits.min(b.tag_bits),
        pasid_bits: a.pasid_bits.min(b.pasid_bits),
    }
}
