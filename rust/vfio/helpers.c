// SPDX-License-Identifier: GPL-2.0

#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "helpers.h"

#if __has_include("../drivers/vfio/vfio.h")
#include "../drivers/vfio/vfio.h"

#define OURS(field)	offsetof(struct rust_vfio_iommu_driver_ops, field)
#define THEIRS(field)	offsetof(struct vfio_iommu_driver_ops, field)

static_assert(OURS(name) == THEIRS(name));
static_assert(OURS(owner) == THEIRS(owner));
static_assert(OURS(open) == THEIRS(open));
static_assert(OURS(release) == THEIRS(release));
static_assert(OURS(ioctl) == THEIRS(ioctl));
static_assert(OURS(attach_group) == THEIRS(attach_group));
static_assert(OURS(detach_group) == THEIRS(detach_group));
static_assert(OURS(pin_pages) == THEIRS(pin_pages));
static_assert(OURS(unpin_pages) == THEIRS(unpin_pages));
static_assert(OURS(register_device) == THEIRS(register_device));
static_assert(OURS(unregister_device) == THEIRS(unregister_device));
static_assert(OURS(dma_rw) == THEIRS(dma_rw));
static_assert(OURS(group_iommu_domain) == THEIRS(group_iommu_domain));
static_assert(sizeof(struct rust_vfio_iommu_driver_ops) ==
	      sizeof(struct vfio_iommu_driver_ops));
static_assert(sizeof(enum vfio_group_type) == sizeof(int));
static_assert(VFIO_IOMMU == RUST_VFIO_IOMMU);
#endif

/* Of the list of containers. Innermost. */
DEFINE_MUTEX(rust_vfio_containers);

#ifdef MODULE
int rust_helper_vfio_register(const struct rust_vfio_iommu_driver_ops *ops)
{
	return vfio_register_iommu_driver((const void *)ops);
}
#else
/*
 * Built in, IOMMU drivers are initialised before VFIO. Not __init, as the Rust
 * code that calls it is not.
 */
static const struct rust_vfio_iommu_driver_ops *early;

int rust_helper_vfio_register(const struct rust_vfio_iommu_driver_ops *ops)
{
	if (early)
		return -EBUSY;
	early = ops;
	return 0;
}

static int __init rust_vfio_register_early(void)
{
	return early ? vfio_register_iommu_driver((const void *)early) : 0;
}
late_initcall(rust_vfio_register_early);
#endif

void rust_helper_vfio_unregister(const struct rust_vfio_iommu_driver_ops *ops)
{
	vfio_unregister_iommu_driver((const void *)ops);
}

int rust_helper_vfio_group_number(struct file *file)
{
	struct kobject *kobj;
	int number;

	if (!vfio_file_is_group(file))
		return -EINVAL;
	/* The name in /dev/vfio is the number: that much is ABI. */
	kobj = file_inode(file)->i_cdev->kobj.parent;
	return kstrtoint(dev_name(kobj_to_dev(kobj)), 10, &number) ?: number;
}

int rust_helper_vfio_copy_struct(void *dst, size_t ksize,
				 const void __user *src, size_t usize)
{
	return copy_struct_from_user(dst, ksize, src, usize);
}

phys_addr_t rust_helper_page_to_phys(struct page *page)
{
	return page_to_phys(page);
}

struct page *rust_helper_phys_to_page(phys_addr_t phys)
{
	return pfn_to_page(PHYS_PFN(phys));
}

u64 rust_helper_vfio_read_word(phys_addr_t phys)
{
	const void *page = kmap_local_page(rust_helper_phys_to_page(phys));
	u64 word = READ_ONCE(*(const u64 *)(page + offset_in_page(phys)));

	kunmap_local(page);
	return word;
}
