// Package hcltest reads the Terraform module that setup exports with Terraform's own
// parser.
package hcltest
