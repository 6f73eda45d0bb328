/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C functions that Rust cannot call by themselves, and what is private to
 * drivers/vfio.
 */
#ifndef _RUST_VFIO_HELPERS_H
#define _RUST_VFIO_HELPERS_H

#include <linux/iommu.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/vfio.h>

/* Of the list of containers. */
extern struct mutex rust_vfio_containers;

/*
 * struct vfio_iommu_driver_ops of drivers/vfio/vfio.h, which is not among the
 * headers for modules though vfio_register_iommu_driver() is exported. Where it
 * can be had, helpers.c compares.
 */
struct rust_vfio_iommu_driver_ops {
	char *name;
	struct module *owner;
	void *(*open)(unsigned long arg);
	void (*release)(void *iommu_data);
	long (*ioctl)(void *iommu_data, unsigned int cmd, unsigned long arg);
	int (*attach_group)(void *iommu_data, struct iommu_group *group,
			    int type);
	void (*detach_group)(void *iommu_data, struct iommu_group *group);
	int (*pin_pages)(void *iommu_data, struct iommu_group *group,
			 dma_addr_t user_iova, int npage, int prot,
			 struct page **pages);
	void (*unpin_pages)(void *iommu_data, dma_addr_t user_iova, int npage);
	void (*register_device)(void *iommu_data, struct vfio_device *vdev);
	void (*unregister_device)(void *iommu_data, struct vfio_device *vdev);
	int (*dma_rw)(void *iommu_data, dma_addr_t user_iova, void *data,
		      size_t count, bool write);
	struct iommu_domain *(*group_iommu_domain)(void *iommu_data,
						   struct iommu_group *group);
};

/* As there. */
struct vfio_iommu_driver_ops;
int vfio_register_iommu_driver(const struct vfio_iommu_driver_ops *ops);
void vfio_unregister_iommu_driver(const struct vfio_iommu_driver_ops *ops);

/* Of enum vfio_group_type: devices behind an IOMMU. */
#define RUST_VFIO_IOMMU 0

int rust_helper_vfio_register(const struct rust_vfio_iommu_driver_ops *ops);
void rust_helper_vfio_unregister(const struct rust_vfio_iommu_driver_ops *ops);

/*
 * The number of the IOMMU group of @file, which is open; -EINVAL if it is no VFIO
 * group.
 */
int rust_helper_vfio_group_number(struct file *file);

int rust_helper_vfio_copy_struct(void *dst, size_t ksize,
				 const void __user *src, size_t usize);

phys_addr_t rust_helper_page_to_phys(struct page *page);
struct page *rust_helper_phys_to_page(phys_addr_t phys);

/* Eight bytes at @phys, which is memory and aligned, read once. */
u64 rust_helper_vfio_read_word(phys_addr_t phys);

#endif
