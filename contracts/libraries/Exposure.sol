// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IDocket} from "../interfaces/IDocket.sol";
import {SubcontractId} from "../types/Ids.sol";
import {Caps} from "./Caps.sol";

/// @title Exposure
/// @notice How far mandates reach into a purse: from open epochs, and from those yet to begin (R1.1, R1.6, R16.1).
/// @dev UNITS. Units of H, unix seconds.
library Exposure {
    /// @dev What one mandate can still take. Caps are the highest of any version concerned, before use.
    struct Reach {
        uint256 due; // `perEvent` for every open epoch begun under a live version
        uint256 perPeriod; // over open and later epochs
        uint256 shared;
        uint256 openPerPeriod; // over open epochs alone
        uint256 openShared;
        uint256 oldest; // beginning of the oldest open epoch, or now
    }

    /// @dev What all mandates of a member can still take together.
    struct Total {
        uint256 due; // open epochs' `perEvent`, each mandate's at most its caps left
        uint256 openLeft; // whole caps left of mandates with an open epoch
        uint256 left; // whole caps left, open and later epochs
        uint256 caps; // whole caps, open and later epochs
        uint256 oldest; // over all mandates
    }

    /// @notice Adds up the mandates of one member.
    /// @param list the subcontracts, 16 bits each; zero is an empty place.
    /// @param docket who knows the open epochs; none before ignition.
    function total(
        mapping(SubcontractId => Caps.State) storage mandates,
        uint256 list,
        IDocket docket,
        uint256 period
    ) internal view returns (Total memory sum) {
        sum.oldest = block.timestamp;
        for (; list != 0; list >>= 16) {
            // The mask leaves 16 bits.
            // forge-lint: disable-next-line(unsafe-typecast)
            SubcontractId id = SubcontractId.wrap(uint16(list));
            if (id == SubcontractId.wrap(0)) continue;

            Caps.State storage mandate = mandates[id];
            Reach memory reach = reachOf(mandate, docket, id);
            (uint256 used, uint256 usedShared) = Caps.usedIn(Caps.usageOf(mandate), period);
            uint256 openPerPeriod = Math.saturatingSub(reach.openPerPeriod, used);
            sum.due += Math.min(reach.due, openPerPeriod);
            sum.openLeft += openPerPeriod + Math.saturatingSub(reach.openShared, usedShared);
            sum.left += Math.saturatingSub(reach.perPeriod, used)
            + Math.saturatingSub(reach.shared, usedShared);
            sum.caps += reach.perPeriod + reach.shared;
            sum.oldest = Math.min(sum.oldest, reach.oldest);
        }
    }

    /// @notice One mandate's reach, from its newest version back to the one the oldest open epoch began under.
    function reachOf(Caps.State storage mandate, IDocket docket, SubcontractId id)
        internal
        view
        returns (Reach memory reach)
    {
        uint256 oldestOpen = address(docket) == address(0) ? 0 : docket.oldestOpen(id);
        reach.oldest = oldestOpen == 0 ? block.timestamp : Math.min(oldestOpen, block.timestamp);

        uint256 version = Caps.oneBack(Caps.usageOf(mandate).versions);
        uint256 last = Caps.furthestBack(version);
        Caps.Version memory caps = mandate.newest;
        uint256 next = type(uint40).max;
        while (true) {
            uint256 end = Math.min(next, caps.expiry);
            // No more than 40 bits, as `next` begins there and an expiry has 32.
            // forge-lint: disable-next-item(unsafe-typecast)
            uint256 open = oldestOpen == 0 || end <= reach.oldest || end <= caps.from
                ? 0
                // Unix seconds of any real chain fit into 40 bits.
                // forge-lint: disable-next-line(unsafe-typecast)
                : docket.openEpochs(id, caps.from) - docket.openEpochs(id, uint40(end));
            if (open != 0) {
                reach.due += open * caps.perEvent;
                reach.openPerPeriod = Math.max(reach.openPerPeriod, caps.perPeriod);
                reach.openShared = Math.max(reach.openShared, caps.sharedPerPeriod);
            }
            if (open != 0 || (end > block.timestamp && end > caps.from)) {
                reach.perPeriod = Math.max(reach.perPeriod, caps.perPeriod);
                reach.shared = Math.max(reach.shared, caps.sharedPerPeriod);
            }
            next = caps.from;
            if (next <= reach.oldest || version == last) return reach;
            caps = mandate.older[--version];
        }
    }
}
