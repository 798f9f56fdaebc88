package api

import (
	"net/http"

	"hubline/base/fault"
	"hubline/base/scim"
)

// What SCIM says about itself (RFC 7643 5 to 7, RFC 7644 4).
const (
	scimConfigSchema = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	scimTypeSchema   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	scimSchemaSchema = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

func (d *door) scimConfig(*scimRequest) (scimAnswer, error) {
	not := map[string]any{"supported": false}
	return scimAnswer{status: http.StatusOK, resource: map[string]any{"schemas": []string{scimConfigSchema},
		"patch": map[string]any{"supported": true}, "bulk": map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": bodyMost},
		"filter": map[string]any{"supported": true, "maxResults": scimMost}, "changePassword": not, "sort": not, "etag": not,
		"authenticationSchemes": []any{map[string]any{"type": "oauthbearertoken", "name": "Bearer token", "primary": true,
			"description": "The token from Settings, Directory sync, as Authorization: Bearer", "specUri": "https://www.rfc-editor.org/info/rfc6750"}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": d.BaseURL + scimPrefix + "/ServiceProviderConfig"}}}, nil
}

func (d *door) scimTypeOf(s *scim.Schema) map[string]any {
	return map[string]any{"schemas": []string{scimTypeSchema}, "id": s.Name, "name": s.Name, "endpoint": "/" + s.Name + "s", "description": s.Description, "schema": s.ID,
		"schemaExtensions": []any{}, "meta": map[string]any{"resourceType": "ResourceType", "location": d.BaseURL + scimPrefix + "/ResourceTypes/" + s.Name}}
}

func (d *door) scimSchemaOf(s *scim.Schema) map[string]any {
	return map[string]any{"schemas": []string{scimSchemaSchema}, "id": s.ID, "name": s.Name, "description": s.Description, "attributes": s.Attributes,
		"meta": map[string]any{"resourceType": "Schema", "location": d.BaseURL + scimPrefix + "/Schemas/" + s.ID}}
}

func (d *door) scimResourceTypes(r *scimRequest) (scimAnswer, error) {
	return described(r, d.scimTypeOf(scim.User), d.scimTypeOf(scim.Group))
}

func (d *door) scimResourceType(r *scimRequest) (scimAnswer, error) {
	return describedOne(r, d.scimTypeOf(scim.User), d.scimTypeOf(scim.Group))
}

func (d *door) scimSchemas(r *scimRequest) (scimAnswer, error) {
	return described(r, d.scimSchemaOf(scim.User), d.scimSchemaOf(scim.Group))
}

func (d *door) scimSchema(r *scimRequest) (scimAnswer, error) {
	return describedOne(r, d.scimSchemaOf(scim.User), d.scimSchemaOf(scim.Group))
}

// described lists all there is; filters are refused, as RFC 7644 4 asks.
func described(r *scimRequest, all ...map[string]any) (scimAnswer, error) {
	if r.query.Has("filter") {
		return scimAnswer{}, fault.New(fault.Forbidden, "scim-no-filter", "This list takes no filter")
	}
	return scimList(all, len(all), 0), nil
}

func describedOne(r *scimRequest, all ...map[string]any) (scimAnswer, error) {
	for _, one := range all {
		if one["id"] == r.PathValue("name") {
			return scimAnswer{status: http.StatusOK, resource: one}, nil
		}
	}
	return scimAnswer{}, nothingHere()
}
