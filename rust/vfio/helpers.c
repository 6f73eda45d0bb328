// SPDX-License-Identifier: GPL-2.0

#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "helpers.h"

#if __has_include(<../drivers/vfio/vfio.h>)
#include <../drivers/vfio/vfio.h>

#define CHECK(field)							\
	static_assert(offsetof(struct rust_vfio_iommu_driver_ops, field) ==	\
		      offsetof(struct vfio_iommu_driver_ops, field))

CHECK(name);
CHECK(owner);
CHECK(open);
CHECK(release);
CHECK(ioctl);
CHECK(attach_group);
CHECK(detach_group);
CHECK(pin_pages);
CHECK(unpin_pages);
CHECK(register_device);
CHECK(unregister_device);
CHECK(dma_rw);
CHECK(group_iommu_domain);
static_assert(sizeof(struct rust_vfio_iommu_driver_ops) ==
	      sizeof(struct vfio_iommu_driver_ops));
static_assert(sizeof(enum vfio_group_type) == sizeof(int));
static_assert(VFIO_IOMMU == RUST_VFIO_IOMMU);
#else
struct vfio_iommu_driver_ops;

int vfio_register_iommu_driver(const struct vfio_iommu_driver_ops *ops);
void vfio_unregister_iommu_driver(const struct vfio_iommu_driver_ops *ops);
#endif

int rust_helper_vfio_register(const struct rust_vfio_iommu_driver_ops *ops)
{
	return vfio_register_iommu_driver((const void *)ops);
}

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
