// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title The practice token
/// @notice Money for practice, worth nothing: anyone may mint it. Deployed where a kit names no token.
/// @dev UNITS. 6 decimals, as every charter's token (R0).
contract PracticeToken is ERC20, ERC20Permit {
    /// @notice The most one call mints, units: a thousand H.
    uint256 public constant MOST_PER_MINT = 1000e6;

    error MintTooLarge(uint256 given, uint256 most);

    constructor() ERC20("Practice H", "pH") ERC20Permit("Practice H") {}

    /// @notice Mints at most `MOST_PER_MINT` units to anyone.
    function mint(address to, uint256 amount) external {
        if (amount > MOST_PER_MINT) revert MintTooLarge(amount, MOST_PER_MINT);
        _mint(to, amount);
    }

    /// @notice 6 (R0).
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
