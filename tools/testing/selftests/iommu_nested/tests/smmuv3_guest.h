/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest of a host that has an SMMUv3: it has one, too, and writes its tables. */
#ifndef IOMMU_NESTED_SMMUV3_GUEST_H
#define IOMMU_NESTED_SMMUV3_GUEST_H

#include "../lib/smmuv3.h"
#include "../lib/smmuv3_ioctl.h"
#include "../lib/smmuv3_tables.h"
#include "smmuv3.h"
#include "witness.h"

#define S1_VA_BITS	39
#define ASID		0x77

struct vm {
	struct host *host;
	struct edu *edu;
	__u32 viommu;
	__u32 vdevice;
	__u32 vsid;			/* what the guest calls the device */
	struct s1 s1;
	__u64 *cd;
	__u64 ste[2];
	__u32 hwpt;			/* translates through s1 */
};

/* Fills in @host->smmu. How, each way to the driver has of its own. */
static void read_registers(struct __test_metadata *_metadata, struct host *host);

/* An empty stage 1 and a descriptor that leads to it. */
static void vm_make_tables(struct __test_metadata *_metadata, struct vm *vm)
{
	struct host *host = vm->host;

	read_registers(_metadata, host);
	ASSERT_EQ(0, s1_init(&vm->s1, &host->ram, 12, S1_VA_BITS));
	vm->cd = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, vm->cd);
	cd_write(vm->cd, &vm->s1, ASID, IDR5_OAS(host->smmu.idr[5]));
}

/* The guest's map and unmap: they change memory and invalidate nothing. */
static void vm_map(struct __test_metadata *_metadata, struct vm *vm, __u64 iova,
		   unsigned long page)
{
	ASSERT_EQ(0, s1_map(&vm->s1, iova, page_gpa(vm->host, page)));
}

static unsigned long vm_hits(struct __test_metadata *_metadata, struct vm *vm,
			     __u64 iova)
{
	return hits(_metadata, vm->host, vm->edu, iova);
}

/*
 * And so have iommufd_guest.h and container_guest.h these.
 */

/* Its stage 1 translates what the device does. */
static int vm_attach(struct vm *vm);
/* The guest's name of the device becomes unknown. */
static int vm_forget(struct vm *vm);
/* Forward commands: 0 or the errno; @done gets the count that came back. */
static int vm_invalidate_n(struct vm *vm, const struct smmu_cmd *cmds,
			   __u32 num, __u32 *done);
/* The nested fixtures: one guest with the first device, not attached yet. */
static void nest_up(struct __test_metadata *_metadata, struct host *host,
		    struct vm *vm);
static void host_down(struct host *host);

static void vm_invalidate(struct __test_metadata *_metadata, struct vm *vm,
			  struct smmu_cmd cmd)
{
	__u32 done;

	ASSERT_EQ(0, vm_invalidate_n(vm, &cmd, 1, &done));
	ASSERT_EQ(1U, done);
}

/* As nest_up(), then IOVA translates to page A and the SMMU has that cached. */
static inline void nest_up_cached(struct __test_metadata *_metadata,
				  struct host *host, struct vm *vm)
{
	nest_up(_metadata, host, vm);
	if (_metadata->exit_code)
		return;
	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, vm_attach(vm));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

/* A page goes into the device and out to another, once the guest is attached. */
static void check_both_ways(struct __test_metadata *_metadata, struct vm *vm,
			    int (*attach)(struct vm *vm))
{
	struct host *host = vm->host;
	unsigned int i;

	vm_map(_metadata, vm, IOVA, PAGE_C);
	vm_map(_metadata, vm, IOVA + GUEST_PAGE, PAGE_D);
	ASSERT_EQ(0, attach(vm));
	for (i = 0; i < PAGE_WORDS; i++)
		host->page[2][i] = ~marker(i);
	memset(host->page[3], 0, GUEST_PAGE);
	ASSERT_EQ(0, load(vm->edu, IOVA, GUEST_PAGE));
	ASSERT_EQ(0, edu_store(vm->edu, IOVA + GUEST_PAGE, 0, GUEST_PAGE));
	EXPECT_EQ(0, memcmp(host->page[2], host->page[3], GUEST_PAGE));
}

/* The guest moves what it has mapped, and says so. */
static inline void vm_remap(struct __test_metadata *_metadata, struct vm *vm,
			    __u64 iova, unsigned long page)
{
	vm_map(_metadata, vm, iova, page);
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID, iova));
}

#endif
