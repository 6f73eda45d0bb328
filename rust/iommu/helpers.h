/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C functions that Rust cannot call by themselves: inline functions, macros,
 * and those that only a private header declares.
 */
#ifndef _RUST_IOMMU_HELPERS_H
#define _RUST_IOMMU_HELPERS_H

#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

/* Of the list of registered IOMMUs. */
extern struct mutex rust_iommu_instances;

struct iommu_fwspec *rust_helper_dev_iommu_fwspec_get(struct device *dev);

void rust_helper_iommu_dma_get_resv_regions(struct device *dev,
					    struct list_head *list);
void rust_helper_iommu_resv_region_add(struct list_head *list,
				       struct iommu_resv_region *region);

bool rust_helper_of_dma_is_coherent(struct device *dev);

/* Whether the system is described by ACPI, not by a device tree. */
bool rust_helper_acpi_in_use(void);

/*
 * The first ACPI table of @signature, of 4 characters without a NUL, and its
 * length in bytes, or NULL. To be given back with rust_helper_acpi_put_table().
 */
const void *rust_helper_acpi_get_table(const char *signature, u32 *length);
void rust_helper_acpi_put_table(const void *table);

/* A PASID from @min to @max that nobody else was given this way, or an error. */
int rust_helper_pasid_alloc(u32 min, u32 max);
void rust_helper_pasid_free(u32 pasid);

/* The operations of the IOMMU driver that has probed @dev; NULL if none has. */
const struct iommu_ops *rust_helper_dev_iommu_ops(struct device *dev);

/* Whether the PCI device @dev has interrupts by message. */
bool rust_helper_dev_has_msi(struct device *dev);

typedef int (*iommu_resv_fn)(const struct iommu_resv_region *region, void *arg);

/* Calls @fn for each reserved region of the devices in @group until it fails. */
int rust_helper_iommu_group_visit_resv(struct iommu_group *group,
				       iommu_resv_fn fn, void *arg);

/* drivers/iommu/iommu-priv.h is private to drivers/iommu and iommufd. */
int iommu_attach_group_handle(struct iommu_domain *domain,
			      struct iommu_group *group,
			      struct iommu_attach_handle *handle);
void iommu_detach_group_handle(struct iommu_domain *domain,
			       struct iommu_group *group);
int iommu_replace_group_handle(struct iommu_group *group,
			       struct iommu_domain *new_domain,
			       struct iommu_attach_handle *handle);

/* drivers/iommu/iommu-pages.h is private to drivers/iommu. */
void iommu_put_pages_list(struct iommu_pages_list *list);

int rust_helper_iommu_dev_to_node(struct device *dev);

struct pci_dev *rust_helper_dev_to_pci(struct device *dev);

typedef bool (*pci_dev_fn)(struct pci_dev *pdev, void *arg);

/*
 * Calls @fn for each PCI device that has a driver which uses the DMA API, until it
 * returns true. Returns whether it did.
 */
bool rust_helper_pci_find_in_use(pci_dev_fn fn, void *arg);

int rust_helper_pci_domain_nr(struct pci_dev *pdev);
struct pci_dev *rust_helper_pci_physfn(struct pci_dev *pdev);
struct pci_dev *rust_helper_pci_upstream_bridge(struct pci_dev *pdev);
bool rust_helper_pci_pri_supported(struct pci_dev *pdev);

/* The function whose requester ID the DMA of @pdev carries. */
struct pci_dev *rust_helper_pci_requester(struct pci_dev *pdev);

int rust_helper_iommu_copy_struct_from_user(void *dst,
					    const struct iommu_user_data *src,
					    unsigned int data_type,
					    size_t data_len, size_t min_len);
int rust_helper_iommu_copy_user_entries(void *dst, size_t entry_size,
					const struct iommu_user_data_array *src,
					unsigned int first, unsigned int count);

/* Lets others run; false if the current process is being killed. */
bool rust_helper_cond_resched_alive(void);

void *rust_helper_iommu_phys_to_virt(phys_addr_t phys);
void rust_helper_phys_clean_inval_poc(phys_addr_t phys, size_t size);
#ifdef CONFIG_X86_64
void rust_helper_clean_inval_poc(void *start, size_t size);
#endif

void rust_helper_delayed_work_init(struct delayed_work *work, work_func_t fn);
void rust_helper_delayed_work_queue(struct delayed_work *work, u32 delay_ms);

#endif
