/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * VFIO containers with nested translation: a guest owns the first stage (IOVA
 * to GPA) of its devices' DMA, the container's mappings are the second (GPA to
 * HPA).
 *
 * A container is made one with VFIO_SET_IOMMU(VFIO_TYPE1_NESTING_IOMMU). Then
 * VFIO_IOMMU_MAP_DMA and VFIO_IOMMU_UNMAP_DMA of <linux/vfio.h> fill the second
 * stage, VFIO_IOMMU_GET_INFO tells what there is, and the ioctls below, on the
 * container, are the rest. See Documentation/userspace-api/vfio-nested.rst.
 *
 * What depends on the hardware is in <linux/vfio_nested/.../model.h>, one for each
 * model.
 *
 * Of all structures here: @argsz is the size of the structure that user space
 * passes. A smaller one than the kernel knows is refused with EINVAL; of a larger
 * one, the excess must be zero (E2BIG). Flags that are not defined, and
 * reserved fields that are not zero, are EINVAL. On an error nothing has
 * changed, unless an ioctl says otherwise.
 */
#ifndef _UAPI_LINUX_VFIO_NESTED_H
#define _UAPI_LINUX_VFIO_NESTED_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <linux/vfio.h>

/*
 * The type of container, for VFIO_CHECK_EXTENSION and VFIO_SET_IOMMU. The number
 * was once that of type1 and is reserved in <linux/vfio.h>.
 */
#ifndef VFIO_TYPE1_NESTING_IOMMU
#define VFIO_TYPE1_NESTING_IOMMU	6
#endif

/*
 * For VFIO_CHECK_EXTENSION: the version of what is declared here, 0 if it is not
 * there. A version only ever adds to the one before.
 */
#define VFIO_NESTED_EXTENSION		0x4e53
#define VFIO_NESTED_VERSION		1

#define VFIO_NESTED_IO(nr)		_IO(VFIO_TYPE, VFIO_BASE + 100 + (nr))

/*
 * All @model below say which hardware a structure is of. Each model's header defines its
 * number as VFIO_NESTED_MODEL_*. This one is no model's.
 */
#define VFIO_NESTED_MODEL_NONE			0

/*
 * VFIO_IOMMU_GET_INFO: capabilities in the chain of struct
 * vfio_iommu_type1_info, besides VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE and
 * VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL. They are there as soon as there is a group in
 * the container, so that a virtual IOMMU can be built before a guest runs.
 */

/* Bits of struct vfio_nested_info_cap.ops: the ioctls that are not refused. */
#define VFIO_NESTED_OP_BIND_PASID_TABLE		(1 << 0)
#define VFIO_NESTED_OP_BIND_GUEST_PGTBL		(1 << 1)
#define VFIO_NESTED_OP_CACHE_INVALIDATE		(1 << 2)
#define VFIO_NESTED_OP_BIND_MSI			(1 << 3)
#define VFIO_NESTED_OP_PASID_REQUEST		(1 << 4)
#define VFIO_NESTED_OP_EVENT_FD			(1 << 5)

/* Bits of struct vfio_nested_info_cap.flags. */
/*
 * An entry of the first stage that becomes present must be invalidated, too: it is
 * software that walks the guest's tables, and keeps shadows of them.
 */
#define VFIO_NESTED_INFO_CACHING_MODE		(1 << 0)
/* Devices can have address translation caches of their own (PCI ATS). */
#define VFIO_NESTED_INFO_DEV_IOTLB		(1 << 1)
/* A guest may have faulting transactions stalled until it answers. */
#define VFIO_NESTED_INFO_STALL			(1 << 2)
/* The hardware sets the access flag of the first stage's entries ... */
#define VFIO_NESTED_INFO_HW_ACCESS		(1 << 3)
/* ... and their dirty state. */
#define VFIO_NESTED_INFO_HW_DIRTY		(1 << 4)
/* CACHE_INVALIDATE takes struct vfio_nested_inv ... */
#define VFIO_NESTED_INFO_INV_GENERIC		(1 << 5)
/* ... and the guest's own commands, in the format of @model. */
#define VFIO_NESTED_INFO_INV_MODEL		(1 << 6)

/**
 * struct vfio_nested_info_cap - VFIO_IOMMU_GET_INFO: nested translation
 * @header: The capability's, with @header.id VFIO_NESTED_INFO_CAP.
 * @flags: VFIO_NESTED_INFO_*.
 * @model: VFIO_NESTED_MODEL_*.
 * @ops: VFIO_NESTED_OP_*.
 * @pgsizes: Page and block sizes of the first stage, a bit each, in bytes: all
 *           those of the granules that the hardware walks.
 * @granules: Granules of the first stage, a bit each, in bytes.
 * @pasid_table_formats: Those formats that the model has for tables of PASIDs which
 *                       can be used, a bit each.
 * @input_bits: Size of an IOVA in bits.
 * @output_bits: Size of a GPA in bits: what the second stage takes.
 * @asid_bits: Size of an ASID, the architectural ID that tags translations.
 * @pasid_bits: The largest @pasid_bits of VFIO_NESTED_BIND_PASID_TABLE; 0 if there
 *              are no PASIDs, and tables have one entry. With
 *              VFIO_NESTED_OP_PASID_REQUEST, the size in bits of the PASIDs that
 *              VFIO_NESTED_PASID_ALLOC gives. A device can have less.
 * @event_depth: The most events that the event fd keeps.
 * @msi_size: The largest @size of VFIO_NESTED_BIND_MSI in bytes; 0 if the host's
 *            interrupts do not go through translation, and there is nothing to
 *            bind.
 *
 * Where the groups of a container are behind several IOMMUs this is what all of
 * them do.
 */
struct vfio_nested_info_cap {
	struct vfio_info_cap_header header;
	__u32	flags;
	__u32	model;
	__aligned_u64 ops;
	__aligned_u64 pgsizes;
	__aligned_u64 granules;
	__u32	pasid_table_formats;
	__u16	input_bits;
	__u16	output_bits;
	__u16	asid_bits;
	__u16	pasid_bits;
	__u32	event_depth;
	__aligned_u64 msi_size;
};

#define VFIO_NESTED_INFO_CAP			0x4e00

/*
 * The ID of the model's own capability: the registers of an IOMMU. There is one for each
 * that the container has.
 */
#define VFIO_NESTED_INFO_CAP_MODEL(model)	(VFIO_NESTED_INFO_CAP + (model))

/**
 * struct vfio_nested_target - Which devices of a container
 * @group_fd: A file descriptor of a VFIO group that is in the container, or -1 for
 *            all groups.
 * @reserved: 0.
 * @device: User address of a device's name, NUL-terminated, as for
 *          VFIO_GROUP_GET_DEVICE_FD ("0000:00:04.0"), or 0 for all devices of
 *          the group. Must be 0 with @group_fd -1.
 *
 * ioctls with a target fail with
 *
 * - EBADF: @group_fd is not open;
 * - EINVAL: it is not a VFIO group; one device whose DMA hardware can't tell from
 *   that of another;
 * - ENODEV: the group is not in the container, or has no such device;
 * - EFAULT: the name is not readable; ENAMETOOLONG.
 */
struct vfio_nested_target {
	__s32	group_fd;
	__u32	reserved;
	__aligned_u64 device;
};

/**
 * enum vfio_nested_config - What the first stage does
 * @VFIO_NESTED_CONFIG_TRANSLATE: The guest's tables translate.
 * @VFIO_NESTED_CONFIG_BYPASS: An IOVA is a GPA.
 * @VFIO_NESTED_CONFIG_ABORT: Every access is refused.
 */
enum vfio_nested_config {
	VFIO_NESTED_CONFIG_TRANSLATE = 0,
	VFIO_NESTED_CONFIG_BYPASS = 1,
	VFIO_NESTED_CONFIG_ABORT = 2,
};

/* @device_id is given. It takes a target that is one device. */
#define VFIO_NESTED_BIND_DEVICE_ID		(1 << 0)
/* A bound device gets the new configuration in the place of the one it has. */
#define VFIO_NESTED_BIND_REPLACE		(1 << 1)
/*
 * The guest uses the device's own translation cache, and hence invalidates it.
 * Only for TRANSLATE, and if there is VFIO_NESTED_INFO_DEV_IOTLB.
 */
#define VFIO_NESTED_BIND_DEV_IOTLB		(1 << 2)

/**
 * struct vfio_nested_bind_pasid_table - VFIO_NESTED_BIND_PASID_TABLE
 * @argsz: The size of this structure.
 * @flags: VFIO_NESTED_BIND_*.
 * @target: Which devices.
 * @config: enum vfio_nested_config. Unless it is TRANSLATE, @base, @pasid_bits and
 *          @data must be 0.
 * @model: VFIO_NESTED_MODEL_*, which says how @base is laid out: that of
 *         struct vfio_nested_info_cap.
 * @device_id: What the guest calls the device, in invalidations and in events, unique
 *             in the container, at most 32 bits. Without VFIO_NESTED_BIND_DEVICE_ID this
 *             is 0, and the ID stays as it is: at first, what the hardware calls the
 *             device.
 * @base: The GPA of the table.
 * @pasid_bits: The table has entries for PASIDs of that many bits.
 * @reserved: 0.
 * @data: What the model needs to know besides. What it does not use is 0.
 *
 * Makes the guest's table the first stage of the target's devices, which until
 * now had the second stage only, or another first stage with
 * VFIO_NESTED_BIND_REPLACE. Accesses meet either the old or the new configuration,
 * or are refused; never anything else. The bind is that of all devices of the
 * target or, on an error, of none.
 *
 * The table must be mapped in the container at the time of the call. The guest
 * may change its entries, with VFIO_NESTED_CACHE_INVALIDATE.
 *
 * Return: 0, or
 *
 * - EBUSY: a device is bound and this is not to replace it, or is being reset;
 * - EEXIST: another device has @device_id;
 * - EFAULT: part of the table is not mapped;
 * - EINVAL: values that do not go together, or that the architecture reserves;
 * - EOPNOTSUPP: not of this @model, or the hardware cannot do it for the device;
 * - ERANGE: a size beyond that of the hardware;
 * - ENOSPC: the hardware has no tag left; ENOMEM; those of the target;
 * - EIO, ETIMEDOUT: the hardware does not answer. The device is blocked.
 */
struct vfio_nested_bind_pasid_table {
	__u32	argsz;
	__u32	flags;
	struct vfio_nested_target target;
	__u32	config;
	__u32	model;
	__aligned_u64 device_id;
	__aligned_u64 base;
	__u32	pasid_bits;
	__u32	reserved;
	__aligned_u64 data[4];
};

#define VFIO_NESTED_BIND_PASID_TABLE		VFIO_NESTED_IO(0)

/**
 * struct vfio_nested_unbind - VFIO_NESTED_UNBIND_PASID_TABLE,
 *                             VFIO_NESTED_UNBIND_MSI
 * @argsz: The size of this structure.
 * @flags: 0.
 * @target: Which devices.
 *
 * VFIO_NESTED_UNBIND_PASID_TABLE leaves the target's devices with the second stage
 * only, as they were before the first bind; their IDs are the hardware's again.
 *
 * Return: 0, or
 *
 * - ENOENT: none of them is bound;
 * - EBUSY: being reset; ENOMEM; those of the target;
 * - EIO, ETIMEDOUT: the hardware does not answer. The device is blocked.
 */
struct vfio_nested_unbind {
	__u32	argsz;
	__u32	flags;
	struct vfio_nested_target target;
};

#define VFIO_NESTED_UNBIND_PASID_TABLE		VFIO_NESTED_IO(1)

/* For the devices' own traffic, without a PASID. @pasid must be 0. */
#define VFIO_NESTED_PGTBL_NO_PASID		(1 << 0)
/* A bound device gets the new table in the place of the one it has. */
#define VFIO_NESTED_PGTBL_REPLACE		(1 << 1)
/* @device_id is given. It takes a target that is one device. */
#define VFIO_NESTED_PGTBL_DEVICE_ID		(1 << 2)
/*
 * Every access is refused: there is no table, and @base, @input_bits and @data must
 * be 0.
 */
#define VFIO_NESTED_PGTBL_BLOCK			(1 << 3)

/**
 * struct vfio_nested_bind_guest_pgtbl - VFIO_NESTED_BIND_GUEST_PGTBL,
 *                                       VFIO_NESTED_UNBIND_GUEST_PGTBL
 * @argsz: The size of this structure.
 * @flags: VFIO_NESTED_PGTBL_*. UNBIND: NO_PASID or 0.
 * @target: Which devices.
 * @model: VFIO_NESTED_MODEL_*, which says how the page table is laid out: that
 *         of struct vfio_nested_info_cap. UNBIND: 0, as all below but @pasid.
 * @pasid: The PASID that is to use it, which VFIO_NESTED_PASID_ALLOC gave.
 * @base: The GPA of the page table.
 * @input_bits: Size of an IOVA in bits.
 * @device_id: What the guest calls the device, as of VFIO_NESTED_BIND_PASID_TABLE.
 * @data: What the model needs to know besides. What it does not use is 0.
 *
 * Binds a page table of the guest's, where it is the host that has the tables that
 * lead to it: by PASID, or of a device's own traffic. Hardware that nests walks it;
 * that the table is mapped in the container is looked at once, at the time of the
 * call, and for its first page.
 *
 * With VFIO_NESTED_INFO_CACHING_MODE it is software that walks the table, and keeps
 * a shadow of it that the device uses. See Documentation/userspace-api/vfio-nested.rst
 * for what that means. Each binding has its own shadow, also of one table.
 *
 * A device's own traffic and that of each PASID are bound and unbound apart from each
 * other, but are of one @device_id.
 *
 * UNBIND leaves the devices with GPAs, as they were before the first bind, and a PASID
 * without any access.
 *
 * Return of BIND: 0, or
 *
 * - EBUSY: a device is bound and this is not to replace it, or is bound in another way
 *   by another @device_id, or is being reset;
 * - EEXIST: another device has @device_id;
 * - ENOENT: the container has no such PASID;
 * - EFAULT: there is no memory at @base;
 * - EINVAL: values that do not go together, or that the architecture reserves;
 * - EOPNOTSUPP: without VFIO_NESTED_OP_BIND_GUEST_PGTBL; not of this @model; what
 *   software does not do; a PASID, and a device that has none;
 * - ERANGE: a size beyond @input_bits or @output_bits, or a PASID beyond the device's;
 * - ENOSPC: a table with more translations or more tables than are shadowed; 256
 *   PASIDs that are; no tag of the hardware's left;
 * - EINTR: the process is being killed; ENOMEM; those of the target;
 * - EIO, ETIMEDOUT: the hardware does not answer. The device is blocked.
 *
 * Return of UNBIND: 0, or
 *
 * - ENOENT: none of them is bound;
 * - EOPNOTSUPP, as above; EBUSY: being reset; EINVAL; ENOMEM; those of the target;
 * - EIO, ETIMEDOUT: the hardware does not answer. The device is blocked.
 */
struct vfio_nested_bind_guest_pgtbl {
	__u32	argsz;
	__u32	flags;
	struct vfio_nested_target target;
	__u32	model;
	__u32	pasid;
	__aligned_u64 base;
	__u32	input_bits;
	__u32	device_id;
	__aligned_u64 data[4];
};

#define VFIO_NESTED_BIND_GUEST_PGTBL		VFIO_NESTED_IO(2)
#define VFIO_NESTED_UNBIND_GUEST_PGTBL		VFIO_NESTED_IO(3)

/**
 * struct vfio_nested_pasid - VFIO_NESTED_PASID_ALLOC, VFIO_NESTED_PASID_FREE
 * @argsz: The size of this structure.
 * @flags: 0.
 * @min: ALLOC: the smallest PASID wanted. FREE: 0.
 * @max: ALLOC: the largest PASID wanted. FREE: 0.
 * @pasid: ALLOC returns it here. FREE: which one.
 * @reserved: 0.
 *
 * For hardware whose tables of PASIDs are the host's, and PASIDs therefore its to
 * give. ALLOC gives the smallest in the range that no container in the system has,
 * never 0. It is the container's until FREE, or until the container has lost its
 * last group.
 *
 * Return of ALLOC: 0, or
 *
 * - EOPNOTSUPP: without VFIO_NESTED_OP_PASID_REQUEST;
 * - EINVAL: @min is above @max, or @max is 0;
 * - ERANGE: @min is beyond @pasid_bits of struct vfio_nested_info_cap;
 * - ENOSPC: none is left in the range, or the container has 1024; ENOMEM; EFAULT.
 *
 * Return of FREE: 0, or
 *
 * - EOPNOTSUPP: without VFIO_NESTED_OP_PASID_REQUEST;
 * - ENOENT: the container has no such PASID;
 * - EBUSY: a device is bound by it; EINVAL; EFAULT.
 */
struct vfio_nested_pasid {
	__u32	argsz;
	__u32	flags;
	__u32	min;
	__u32	max;
	__u32	pasid;
	__u32	reserved;
};

#define VFIO_NESTED_PASID_ALLOC			VFIO_NESTED_IO(4)
#define VFIO_NESTED_PASID_FREE			VFIO_NESTED_IO(5)

/* struct vfio_nested_inv.caches */
#define VFIO_NESTED_INV_IOTLB			(1 << 0)
#define VFIO_NESTED_INV_DEV_IOTLB		(1 << 1)
#define VFIO_NESTED_INV_PASID			(1 << 2)

/**
 * enum vfio_nested_inv_granularity - How much is invalidated
 * @VFIO_NESTED_INV_GRANU_DOMAIN: All that the guest has.
 * @VFIO_NESTED_INV_GRANU_PASID: All of one PASID or ASID.
 * @VFIO_NESTED_INV_GRANU_ADDR: A range of IOVAs.
 */
enum vfio_nested_inv_granularity {
	VFIO_NESTED_INV_GRANU_DOMAIN = 0,
	VFIO_NESTED_INV_GRANU_PASID = 1,
	VFIO_NESTED_INV_GRANU_ADDR = 2,
};

/* struct vfio_nested_inv.flags: which fields are given. The others must be 0. */
#define VFIO_NESTED_INV_HAS_DEVICE		(1 << 0)
#define VFIO_NESTED_INV_HAS_PASID		(1 << 1)
#define VFIO_NESTED_INV_HAS_ARCHID		(1 << 2)
/* Only last-level entries have changed. For IOTLB by ADDR and PASID by PASID. */
#define VFIO_NESTED_INV_LEAF			(1 << 3)

/**
 * struct vfio_nested_inv - One invalidation, of any hardware
 * @caches: VFIO_NESTED_INV_IOTLB, _DEV_IOTLB, _PASID: one or more. They are
 *          invalidated in the order PASID, IOTLB, DEV_IOTLB, each after the one
 *          before is complete.
 * @granularity: enum vfio_nested_inv_granularity.
 * @flags: VFIO_NESTED_INV_HAS_*, VFIO_NESTED_INV_LEAF.
 * @pasid: The PASID.
 * @archid: The tag that the PASID's translations have.
 * @reserved: 0.
 * @device_id: The device, as of VFIO_NESTED_BIND_PASID_TABLE. Without it, PASID
 *             and DEV_IOTLB mean all bound devices.
 * @addr: First IOVA, aligned to @granule_size. With ADDR.
 * @granule_size: The size in bytes of the pages that have changed, one of
 *                @pgsizes of struct vfio_nested_info_cap. With ADDR.
 * @granule_count: How many, at least 1. With ADDR.
 *
 * What a cache needs to know:
 *
 * ===========  ============  ======================  =========================
 * granularity  IOTLB         PASID                   DEV_IOTLB
 * ===========  ============  ======================  =========================
 * DOMAIN       all           all PASIDs              all
 * PASID        HAS_ARCHID    HAS_PASID               HAS_PASID
 * ADDR         HAS_ARCHID,   not there               HAS_PASID, or else IOVAs
 *              or else all                           without a PASID
 *              ASIDs
 * ===========  ============  ======================  =========================
 *
 * More than what was asked for may be invalidated. A device that has no cache is
 * passed over.
 */
struct vfio_nested_inv {
	__u32	caches;
	__u32	granularity;
	__u32	flags;
	__u32	pasid;
	__u32	archid;
	__u32	reserved;
	__aligned_u64 device_id;
	__aligned_u64 addr;
	__aligned_u64 granule_size;
	__aligned_u64 granule_count;
};

/**
 * struct vfio_nested_cache_invalidate - VFIO_NESTED_CACHE_INVALIDATE
 * @argsz: The size of this structure.
 * @flags: 0.
 * @model: VFIO_NESTED_MODEL_NONE: the entries are struct vfio_nested_inv. That of
 *         struct vfio_nested_info_cap: the guest's own commands.
 * @entry_size: The size of an entry in bytes. Of a larger one than the kernel
 *              knows, the excess must be zero; a smaller one is EINVAL.
 * @entries: User address of the entries.
 * @count: In: how many. Out, also on an error: how many, from the first, are
 *         complete. An entry of which a part is done does not count. With 0, only
 *         @model and @entry_size are checked.
 * @reserved: 0.
 *
 * Carries out invalidations in order, and returns when they are complete.
 *
 * Return: 0, or, with the entries before done,
 *
 * - EINVAL: a struct vfio_nested_inv that has no meaning, or a bad size;
 * - EOPNOTSUPP: not of this @model;
 * - ENOENT: a struct vfio_nested_inv whose @device_id no bound device has;
 * - EIO: a command that is not allowed or names an unknown device, or that the
 *   hardware refused;
 * - E2BIG, EFAULT;
 * - ETIMEDOUT, ENODEV: the hardware does not answer, or is gone;
 * - EINTR: the process is being killed;
 * - ENOSPC, ENOMEM: with VFIO_NESTED_INFO_CACHING_MODE, what can't be shadowed, and
 *   is now refused to the devices.
 */
struct vfio_nested_cache_invalidate {
	__u32	argsz;
	__u32	flags;
	__u32	model;
	__u32	entry_size;
	__aligned_u64 entries;
	__u32	count;
	__u32	reserved;
};

#define VFIO_NESTED_CACHE_INVALIDATE		VFIO_NESTED_IO(6)

/**
 * struct vfio_nested_bind_msi - VFIO_NESTED_BIND_MSI
 * @argsz: The size of this structure.
 * @flags: 0.
 * @target: Which groups: one, or all. @target.device must be 0, for interrupts of a
 *          group's devices go the same way.
 * @giova: The IOVA that the guest has its devices write to.
 * @gdb: What the guest's first stage makes of it: the GPA of its doorbell.
 * @size: Of both in bytes. All three are multiples of the kernel's page size;
 *        @giova is not 0.
 *
 * The host's interrupt doorbell will be found at @gdb in the second stage, and
 * interrupts that are set up from now on (VFIO_DEVICE_SET_IRQS) have the devices
 * write to @giova. The first page is for the first doorbell of the host's that the
 * group's devices use, the next for the next.
 *
 * Without it, and after VFIO_NESTED_UNBIND_MSI, devices write to where the host has
 * its window, which is excluded from the IOVA ranges, and each group has a part of
 * its own there: then a first stage has to map all of the window to itself.
 *
 * A device's message can only be written when its interrupt is set up: so an
 * interrupt that is set up refuses bind and unbind. Take it down, bind, set it up
 * again.
 *
 * Groups may share a @gdb, or a part of it, if they use the same doorbell of the
 * host's; otherwise the second's interrupt cannot be set up. A group has one
 * binding. It goes with the group; VFIO_NESTED_UNBIND_MSI takes it away before.
 *
 * Return of VFIO_NESTED_BIND_MSI: 0, or
 *
 * - EBUSY: a group has a binding already, or one of its devices an interrupt, or
 *   is being reset;
 * - EEXIST: @gdb is mapped with VFIO_IOMMU_MAP_DMA, which in turn refuses what
 *   overlaps @gdb;
 * - EINVAL: alignment, @size 0 or above @msi_size of struct vfio_nested_info_cap,
 *   a wrap, or @gdb in a reserved region (the host's MSI window is none);
 * - ERANGE: beyond @input_bits or @output_bits;
 * - EOPNOTSUPP: interrupts do not go through translation here;
 * - ENOMEM; those of the target.
 *
 * Return of VFIO_NESTED_UNBIND_MSI (struct vfio_nested_unbind): 0, or
 *
 * - ENOENT: no binding;
 * - EBUSY: an interrupt is set up, or being reset;
 * - ENOMEM; those of the target.
 */
struct vfio_nested_bind_msi {
	__u32	argsz;
	__u32	flags;
	struct vfio_nested_target target;
	__aligned_u64 giova;
	__aligned_u64 gdb;
	__aligned_u64 size;
};

#define VFIO_NESTED_BIND_MSI			VFIO_NESTED_IO(7)
#define VFIO_NESTED_UNBIND_MSI			VFIO_NESTED_IO(8)

/**
 * struct vfio_nested_event_fd - VFIO_NESTED_EVENT_FD
 * @argsz: The size of this structure.
 * @flags: 0.
 * @depth: How many events are kept, 1 to @event_depth of struct
 *         vfio_nested_info_cap.
 * @reserved: 0.
 *
 * Makes the container's one event fd. Events of before are not to be had.
 *
 * Return: a file descriptor, or
 *
 * - EEXIST: there is one that is not closed;
 * - EINVAL: @depth; EMFILE, ENFILE, ENOMEM.
 *
 * read() gives as many struct vfio_nested_event as there are and fit, and never
 * waits: 0 if there is none. A buffer for less than one is EINVAL. poll() gives
 * POLLIN if there are any, and POLLHUP once the container has lost its last group.
 * When there is no room for another event, the oldest is lost.
 */
struct vfio_nested_event_fd {
	__u32	argsz;
	__u32	flags;
	__u32	depth;
	__u32	reserved;
};

#define VFIO_NESTED_EVENT_FD			VFIO_NESTED_IO(9)

/**
 * enum vfio_nested_event_reason - What a guest has done wrong
 * @VFIO_NESTED_EVENT_UNKNOWN: See @raw.
 * @VFIO_NESTED_EVENT_BAD_CONFIG: The configuration as bound is not valid.
 * @VFIO_NESTED_EVENT_PASID_REQUIRED: A transaction without PASID where those are
 *                                    to be refused.
 * @VFIO_NESTED_EVENT_BAD_PASID: The PASID is beyond the table.
 * @VFIO_NESTED_EVENT_BAD_PASID_ENTRY: The PASID's entry is not valid.
 * @VFIO_NESTED_EVENT_TRANSLATION: The IOVA is not mapped.
 * @VFIO_NESTED_EVENT_ADDRESS_SIZE: A GPA in the tables is too large.
 * @VFIO_NESTED_EVENT_ACCESS: An access flag is clear.
 * @VFIO_NESTED_EVENT_PERMISSION: The mapping does not permit such an access.
 */
enum vfio_nested_event_reason {
	VFIO_NESTED_EVENT_UNKNOWN = 0,
	VFIO_NESTED_EVENT_BAD_CONFIG = 1,
	VFIO_NESTED_EVENT_PASID_REQUIRED = 2,
	VFIO_NESTED_EVENT_BAD_PASID = 3,
	VFIO_NESTED_EVENT_BAD_PASID_ENTRY = 4,
	VFIO_NESTED_EVENT_TRANSLATION = 5,
	VFIO_NESTED_EVENT_ADDRESS_SIZE = 6,
	VFIO_NESTED_EVENT_ACCESS = 7,
	VFIO_NESTED_EVENT_PERMISSION = 8,
};

/*
 * Bits of struct vfio_nested_event.flags.
 * Events between the last record and this were lost: @sequence counts them. The
 * record is an event as any other.
 */
#define VFIO_NESTED_EVENT_LOST			(1 << 0)
/* @pasid, and @addr with the bits below, are given. */
#define VFIO_NESTED_EVENT_HAS_PASID		(1 << 1)
#define VFIO_NESTED_EVENT_HAS_ADDR		(1 << 2)
/* The access was a write, not a read; an instruction fetch; privileged. */
#define VFIO_NESTED_EVENT_WRITE			(1 << 3)
#define VFIO_NESTED_EVENT_EXEC			(1 << 4)
#define VFIO_NESTED_EVENT_PRIV			(1 << 5)

/**
 * struct vfio_nested_event - A record of the event fd
 * @flags: VFIO_NESTED_EVENT_LOST and so on.
 * @sequence: Numbers the events from 0 on, those that were lost as well.
 * @reason: enum vfio_nested_event_reason.
 * @pasid: The PASID of the transaction, or 0.
 * @device_id: The device, by the guest's ID of it.
 * @addr: The IOVA, or 0.
 * @model: VFIO_NESTED_MODEL_* of @raw.
 * @reserved: 0.
 * @raw: The event as the guest expects it of its hardware.
 */
struct vfio_nested_event {
	__u32	flags;
	__u32	sequence;
	__u32	reason;
	__u32	pasid;
	__aligned_u64 device_id;
	__aligned_u64 addr;
	__u32	model;
	__u32	reserved;
	__aligned_u64 raw[4];
};

#endif /* _UAPI_LINUX_VFIO_NESTED_H */
