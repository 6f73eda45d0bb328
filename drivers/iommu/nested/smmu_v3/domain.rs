// SPDX-License-Identifier: GPL-2.0

//! Domains that the kernel maps into, of either stage.

use super::{
    arch::{
        cd::Stage1Config,
        invalidate::Tag,
        ste::Stage2Config, //
    },
    device::Smmu,
    tlb::Targets,
    SmmuV3, //
};
use crate::{
    iommu::{
        cache,
        impl_has_domain,
        pgtable::{
            Config,
            Leaf,
            PgTable,
            Stage, //
        },
        Gather,
        Instance,
        MapRequest,
        Mapped,
        NewPaging,
        Paging,
        PagingDomain,
        Status,
        UnmapRequest, //
    },
    params::NestingCoherency,
};
use kernel::{
    io::PhysAddr,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        Arc,
        UniqueArc, //
    },
};

/// What a domain is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// IOVA to HPA, in the first stage: can also be attached to a PASID.
    Stage1,
    /// IOVA to HPA, in the second stage.
    Stage2,
    /// GPA to HPA, in the second stage, below a guest's first stage.
    NestParent,
}

/// A tag of the SMMU's, given back when dropped.
struct OwnedTag {
    smmu: Arc<Instance<SmmuV3>>,
    tag: Tag,
}

impl OwnedTag {
    fn new(smmu: &Arc<Instance<SmmuV3>>, purpose: Purpose) -> Result<Self> {
        let tag = match purpose {
            Purpose::Stage1 => Tag::Asid(smmu.asids.take()?),
            Purpose::Stage2 | Purpose::NestParent => Tag::Vmid(smmu.vmids.take()?),
        };

        Ok(Self {
            smmu: smmu.clone(),
            tag,
        })
    }
}

impl Drop for OwnedTag {
    fn drop(&mut self) {
        match self.tag {
            Tag::Asid(asid) => self.smmu.asids.give(asid),
            Tag::Vmid(vmid) => self.smmu.vmids.give(vmid),
        }
    }
}

/// A domain: a page table, and what may have cached it.
///
/// Fields are dropped in this order: the table, whose library flushes it, before the tag.
#[pin_data]
pub(crate) struct Domain {
    #[pin]
    core: PagingDomain<SmmuV3>,
    table: PgTable<Targets>,
    purpose: Purpose,
    /// Memory is to be cleaned from the CPU caches as it enters and leaves the domain.
    maintain: bool,
    _tag: OwnedTag,
}

/// Of the page sizes in `all`, those of one granule: the CPU's if there, so that every page of the
/// kernel's can be mapped, otherwise the largest that is smaller.
pub(crate) fn one_granule(all: u64) -> usize {
    // CAST: Page sizes, of less than 64 bits.
    let granules = [PAGE_SIZE as u64, 1 << 16, 1 << 14, 1 << 12];
    let granule = granules
        .into_iter()
        .find(|&g| g <= PAGE_SIZE as u64 && all & g != 0)
        .unwrap_or(0);
    let blocks = match granule {
        0x1000 => 1 << 21 | 1 << 30,
        0x4000 => 1 << 25,
        0x1_0000 => 1 << 29 | 1 << 42,
        _ => 0,
    };

    // CAST: `usize` has 64 bits where there is an SMMU.
    ((granule | blocks) & all) as usize
}

impl Domain {
    /// An empty domain.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: the SMMU has no such stage, or no page size that the kernel can use.
    /// - [`ENOSPC`]: all ASIDs, or VMIDs, are in use.
    /// - [`ENOMEM`]
    pub(crate) fn create(
        smmu: &Arc<Instance<SmmuV3>>,
        purpose: Purpose,
    ) -> Result<NewPaging<SmmuV3>> {
        let features = &smmu.features;
        let (present, stage, ias) = match purpose {
            Purpose::Stage1 => (features.s1p, Stage::One, features.vax.min(VA_BITS)),
            Purpose::Stage2 => (features.s2p, Stage::Two, features.oas_bits),
            Purpose::NestParent => (features.nesting(), Stage::Two, features.oas_bits),
        };
        let pgsize_bitmap = one_granule(features.pgsize_bitmap());

        if !present || pgsize_bitmap == 0 {
            return Err(EOPNOTSUPP);
        }

        let tag = OwnedTag::new(smmu, purpose)?;
        let targets = Arc::pin_init(
            Targets::new(smmu.clone(), tag.tag, pgsize_bitmap.trailing_zeros()),
            GFP_KERNEL,
        )?;
        let table = PgTable::new(
            smmu.dev(),
            &Config {
                stage,
                pgsize_bitmap,
                ias,
                oas: features.oas_bits,
                coherent_walk: features.coherent,
                s2fwb: purpose == Purpose::NestParent && features.s2fwb,
            },
            targets,
        )?;

        let pgsize_bitmap = table.pgsize_bitmap();
        let aperture_end = (1 << table.ias()) - 1;
        let maintain = purpose == Purpose::NestParent && must_maintain(smmu);
        let domain = UniqueArc::pin_init(
            try_pin_init!(Self {
                core <- PagingDomain::mapped(maintain, pgsize_bitmap, aperture_end),
                maintain,
                table,
                purpose,
                _tag: tag,
            }? Error),
            GFP_KERNEL_ACCOUNT,
        )?;

        Ok(NewPaging::new(domain))
    }

    /// The SMMU that the domain is for.
    pub(crate) fn smmu(&self) -> &Arc<Instance<SmmuV3>> {
        self.targets().smmu()
    }

    /// What may have cached the domain.
    pub(crate) fn targets(&self) -> &Arc<Targets> {
        self.table.tlb()
    }

    /// What the domain is for.
    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The configuration of a context descriptor, and the ASID; `None` if not of the first stage.
    pub(crate) fn stage1(&self) -> Option<(Stage1Config, u16)> {
        let (Some(regs), Tag::Asid(asid)) = (self.table.stage1(), self.targets().tag()) else {
            return None;
        };

        Some((
            Stage1Config {
                ttb: regs.ttbr,
                tsz: regs.tsz,
                tg: regs.tg,
                irgn: regs.irgn,
                orgn: regs.orgn,
                sh: regs.sh,
                ips: regs.ips,
                mair: regs.mair,
                dirty: false,
            },
            asid,
        ))
    }

    /// The second stage's part of a stream table entry, and the domain's own VMID; `None` if not of
    /// the second stage.
    pub(crate) fn stage2(&self) -> Option<(Stage2Config, u16)> {
        let (Some(regs), Tag::Vmid(vmid)) = (self.table.stage2(), self.targets().tag()) else {
            return None;
        };

        Some((
            Stage2Config {
                ttb: regs.vttbr,
                tsz: regs.tsz,
                sl: regs.sl,
                irgn: regs.irgn,
                orgn: regs.orgn,
                sh: regs.sh,
                tg: regs.tg,
                ps: regs.ps,
                fwb: self.purpose == Purpose::NestParent && self.smmu().features.s2fwb,
            },
            vmid,
        ))
    }

    /// Unmaps, and cleans what was mapped from the CPU caches. Not inlined, so that unmapping in
    /// other domains needs no stack.
    #[inline(never)]
    fn unmap_maintained(&self, req: &UnmapRequest, gather: &mut Gather<'_>) -> usize {
        let mut total = 0;

        while total < req.size() {
            match self.unmap_run(req, total, gather) {
                0 => break,
                unmapped => total += unmapped,
            }
        }
        total
    }

    /// Unmaps up to [`MAINTAIN_RUN`] pages or blocks of one size, `offset` bytes into `req`, and
    /// cleans them. They must not be reachable any more when they are, so this invalidates at once
    /// instead of collecting. Returns the number of bytes, 0 if nothing is mapped there.
    fn unmap_run(&self, req: &UnmapRequest, offset: usize, gather: &mut Gather<'_>) -> usize {
        let mut leaves = [0; MAINTAIN_RUN];
        let start = req.iova() + offset;
        let Some(Leaf { size, .. }) = self.table.leaf(start) else {
            return 0;
        };
        let mut count = 0;

        while count < MAINTAIN_RUN && offset + (count + 1) * size <= req.size() {
            match self.table.leaf(start + count * size) {
                Some(leaf) if leaf.size == size => leaves[count] = leaf.paddr,
                _ => break,
            }
            count += 1;
        }
        if count == 0 {
            // The core does not ask for part of a block.
            return 0;
        }

        let unmapped = req
            .part(offset, size, count)
            .map_or(0, |run| self.table.unmap(&run, gather));
        self.targets().sync(gather);
        gather.clear();

        for &leaf in leaves.iter().take(unmapped / size) {
            cache::clean_inval_poc(leaf, size);
        }
        unmapped
    }
}

/// The widest input address of the kernel's own use.
pub(crate) const VA_BITS: u32 = 48;

/// How many pages are unmapped between one invalidation of the TLB and the next when each is to be
/// cleaned from the CPU caches afterwards. Their addresses are on the stack.
const MAINTAIN_RUN: usize = 64;

/// Whether a guest of `smmu` could get around the CPU caches, unless the kernel keeps what it gives
/// to the guest out of them: its first stage chooses memory attributes, which only S2FWB overrides.
/// (A device that is CANWBS is coherent anyhow, but a domain is not for one device.)
fn must_maintain(smmu: &Smmu) -> bool {
    !smmu.features.s2fwb && smmu.coherency == NestingCoherency::Flush
}

impl_has_domain! {
    impl HasDomain<SmmuV3> for Domain { core }
}

impl Mapped for Domain {
    fn prepare(&self, paddr: PhysAddr, size: usize) {
        cache::clean_inval_poc(paddr, size);
    }

    #[inline]
    fn map(&self, req: &MapRequest, mapped: &mut usize) -> Status {
        self.table.map(req, mapped)
    }

    fn unmap(&self, req: &UnmapRequest, gather: &mut Gather<'_>) -> usize {
        match self.maintain {
            false => self.table.unmap(req, gather),
            true => self.unmap_maintained(req, gather),
        }
    }

    fn iova_to_phys(&self, iova: usize) -> PhysAddr {
        self.table.iova_to_phys(iova)
    }
}

impl Paging for Domain {
    fn flush_all(&self) {
        self.targets().invalidate(None);
    }

    fn sync(&self, gather: &Gather<'_>) {
        self.targets().sync(gather);
    }

    fn enforce_cache_coherency(&self) -> bool {
        self.targets().enforce_coherency()
    }
}
