/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest without tables of its own: what it wants to be mapped, the host maps. */
#ifndef IOMMU_NESTED_HWPT_GUEST_H
#define IOMMU_NESTED_HWPT_GUEST_H

#include "iommufd_host.h"

#define NO_GUEST	"no device for a guest"

struct vm {
	struct host *host;
	struct edu *edu;
	__u32 hwpt;
};

static int vm_attach(struct vm *vm)
{
	return edu_attach(vm->edu, vm->hwpt);
}

static void vm_map(struct __test_metadata *_metadata, struct vm *vm, __u64 iova,
		   unsigned long page)
{
	struct host *host = vm->host;

	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas,
				      host->page[__builtin_ctzl(page)],
				      GUEST_PAGE, iova));
}

/* Moves what is mapped. */
static void vm_remap(struct __test_metadata *_metadata, struct vm *vm,
		     __u64 iova, unsigned long page)
{
	struct host *host = vm->host;

	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, iova, GUEST_PAGE));
	vm_map(_metadata, vm, iova, page);
}

static unsigned long vm_hits(struct __test_metadata *_metadata, struct vm *vm,
			     __u64 iova)
{
	return hits(_metadata, vm->host, vm->edu, iova);
}

static void nest_up_nth(struct __test_metadata *_metadata, struct host *host,
			struct vm *vm, unsigned int nth)
{
	host_up_nth(_metadata, host, nth, 1);
	if (_metadata->exit_code)
		return;
	*vm = (struct vm){ .host = host, .edu = &host->edu[0] };
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, vm->edu->dev, host->ioas, 0,
					&vm->hwpt));
}

static void nest_up(struct __test_metadata *_metadata, struct host *host,
		    struct vm *vm)
{
	nest_up_nth(_metadata, host, vm, 0);
}

#endif
