-- JSON's null. Neovim 0.12 hands it over as `vim.NIL`, which counts as true; before it was nil.
local M = {}

--- What came from the server, with nil for null. Changes tables where they are.
---@param value any
---@return any
function M.to_nil(value)
  if value == vim.NIL then
    return nil
  end
  if type(value) == 'table' then
    for key, inner in pairs(value) do
      value[key] = M.to_nil(inner)
    end
  end
  return value
end

return M
