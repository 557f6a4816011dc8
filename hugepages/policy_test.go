package hugepages_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
)

func TestPolicyText(t *testing.T) {
	for text, policy := range map[string]hugepages.Policy{"off": hugepages.Off, "prefer": hugepages.Prefer, "require": hugepages.Require} {
		b, err := json.Marshal(policy)
		require.NoError(t, err)
		assert.Equal(t, `"`+text+`"`, string(b))
		var got hugepages.Policy
		require.NoError(t, json.Unmarshal(b, &got))
		assert.Equal(t, policy, got)
	}
	var zero hugepages.Policy
	assert.Equal(t, hugepages.Prefer, zero)
	for _, text := range []string{"", "Off", "on", "always"} {
		require.ErrorContains(t, zero.UnmarshalText([]byte(text)), "off, prefer or require")
	}
	assert.Equal(t, "Policy(9)", hugepages.Policy(9).String())
}
